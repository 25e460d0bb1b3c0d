-- batch/close_batch.sql
-- Close a batch with its counts and its paragraph.  Params: batch_id, counts (jsonb), summary.
UPDATE batch SET stage = 'CLOSED', closed_at = clock_timestamp(), counts = %(counts)s, summary = %(summary)s
WHERE batch_id = %(batch_id)s AND closed_at IS NULL;
