-- pages/read_single_run.sql
-- How far is a reset of one subscription, and how did it end?  Params: run_id, subscription_number.
-- Returns: batch_id, stage, dry_run, forced, opened_at, closed_at, summary, failures, planned, outcome; no row where
--   the run has not begun or is of another subscription.
SELECT batch_id, batch.stage, batch.dry_run, batch.parameters ->> 'force' = 'true', batch.opened_at, batch.closed_at,
       batch.summary, batch.failures, item.planned, item.outcome
FROM batch
LEFT JOIN batch_item AS item USING (batch_id)
WHERE batch.cause = 'RESET_SUBSCRIPTION' AND batch.run_id = %(run_id)s
  AND batch.parameters ->> 'subscription_number' = %(subscription_number)s
ORDER BY batch_id DESC
LIMIT 1;
