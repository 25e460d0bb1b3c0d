-- real_time/find_holding_batch.sql
-- The batch in which the lane collects what it holds, until a person has answered or a night has looked at all again.
-- Params: provider_hash.  Returns: batch_id; no row where a new one is needed.
SELECT b.batch_id FROM batch b
WHERE b.cause = 'REAL_TIME' AND b.held_because IS NOT NULL AND b.provider_hash = %(provider_hash)s
  AND NOT EXISTS (SELECT FROM release_decision d WHERE d.batch_id = b.batch_id)
  AND NOT EXISTS (SELECT FROM batch later WHERE later.batch_id > b.batch_id AND later.cause = 'RESET_RUN'
                  AND NOT later.filtered AND NOT later.dry_run AND later.plan_hash IS NOT NULL)
ORDER BY b.batch_id DESC LIMIT 1;
