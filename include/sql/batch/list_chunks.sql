-- batch/list_chunks.sql
-- The chunks of a batch with work left.
-- Params: batch_id.  Returns: chunk_number, accounts, the first account's first subscription number.
SELECT chunk_number, count(*), min(subscription_numbers[1] COLLATE "C")
FROM batch_item WHERE batch_id = %(batch_id)s AND chunk_number IS NOT NULL AND outcome IS NULL
GROUP BY chunk_number ORDER BY chunk_number;
