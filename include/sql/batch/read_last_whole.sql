-- batch/read_last_whole.sql
-- The accounts of the last whole unfiltered extract before this batch.
-- Params: batch_id.  Returns: batch_id, landed_accounts; no row on day one.
SELECT batch_id, landed_accounts FROM batch
WHERE batch_id < %(batch_id)s AND extract_whole AND NOT filtered AND landed_accounts IS NOT NULL
ORDER BY batch_id DESC LIMIT 1;
