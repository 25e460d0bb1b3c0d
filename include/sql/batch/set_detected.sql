-- batch/set_detected.sql
-- Record how many accounts are out of sync.  Params: batch_id.  Returns: out_of_sync.
UPDATE batch SET stage = 'DETECTED', out_of_sync = (SELECT count(*) FROM batch_item WHERE batch_id = %(batch_id)s)
WHERE batch_id = %(batch_id)s
RETURNING out_of_sync;
