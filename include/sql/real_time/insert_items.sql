-- real_time/insert_items.sql
-- Make the items of a group: one an account, whatever the number of its actions.
-- Params: batch_id; parallel arrays accounts, subscription_numbers (one text each, separated by commas).
INSERT INTO batch_item (batch_id, account, subscription_numbers, chunk_number)
SELECT %(batch_id)s, i.account, string_to_array(i.numbers, ','), 0
FROM unnest(%(accounts)s::text[], %(subscription_numbers)s::text[]) AS i (account, numbers);
