-- batch/close_batch.sql
-- Close a batch with its counts and its paragraph.  Params: batch_id, counts (jsonb), summary.
UPDATE batch SET stage = 'CLOSED', closed_at = clock_timestamp(), 
    counts = coalesce(counts, '{}') || %(counts)s::jsonb, summary = %(summary)s
WHERE batch_id = %(batch_id)s AND closed_at IS NULL;
