-- batch/find_held_batch.sql
-- The newest batch that holds something nobody has answered.  Returns: batch_id; no row where nothing is held.
SELECT b.batch_id FROM batch b
WHERE b.held_hash IS NOT NULL AND NOT b.dry_run
  AND NOT EXISTS (SELECT FROM release_decision d WHERE d.batch_id = b.batch_id)
ORDER BY b.batch_id DESC LIMIT 1;
