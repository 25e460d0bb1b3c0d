-- real_time/drop_held.sql
-- A newer plan of the lane replaces what it held.  Params: accounts, batch_ids (parallel arrays), replaced_by.
UPDATE held_removal h SET replaced_by = %(replaced_by)s
FROM unnest(%(accounts)s::text[], %(batch_ids)s::bigint[]) AS old (account, batch_id)
WHERE h.account = old.account AND h.batch_id = old.batch_id AND h.released_at IS NULL AND h.replaced_by IS NULL;
