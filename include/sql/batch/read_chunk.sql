-- batch/read_chunk.sql
-- The unfinished accounts of one chunk.  Params: batch_id, chunk_number.
-- Returns: account, subscription_numbers, allowed_removals.
SELECT account, subscription_numbers, allowed_removals FROM batch_item
WHERE batch_id = %(batch_id)s AND chunk_number = %(chunk_number)s AND outcome IS NULL
ORDER BY account COLLATE "C";
