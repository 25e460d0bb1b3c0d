-- real_time/join_group.sql
-- Tell the actions of a group which batch works on them, and for which accounts.
-- Params: batch_id; parallel arrays transaction_references, accounts (one text each, separated by commas).
UPDATE action_inbox a SET batch_id = %(batch_id)s, accounts = string_to_array(g.accounts, ',')
FROM unnest(%(transaction_references)s::text[], %(accounts)s::text[]) AS g (reference, accounts)
WHERE a.transaction_reference = g.reference;
