-- batch/find_held_batch.sql
-- The newest batch that holds something that nobody has answered and no later run has replaced.  Returns: batch_id; no row where nothing is held.
SELECT b.batch_id FROM batch b
WHERE b.held_hash IS NOT NULL AND NOT b.dry_run
  AND NOT EXISTS (SELECT FROM release_decision d WHERE d.batch_id = b.batch_id)
  AND NOT EXISTS (SELECT FROM batch later WHERE later.batch_id > b.batch_id AND later.cause = 'RESET_RUN'
                  AND NOT later.filtered AND NOT later.dry_run AND later.plan_hash IS NOT NULL)
ORDER BY b.batch_id DESC LIMIT 1;
