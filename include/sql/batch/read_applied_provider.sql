-- batch/read_applied_provider.sql
-- The provider version that the last sending batch used; no row on day one.  Params: batch_id.  Returns: hash.
SELECT provider_hash FROM batch
WHERE batch_id < %(batch_id)s AND cause IN ('RESET_RUN', 'RELEASE_REMOVALS') AND NOT dry_run AND NOT plan_held
  AND stage IN ('GUARDED', 'CLOSED') AND provider_hash IS NOT NULL AND out_of_sync IS NOT NULL
ORDER BY batch_id DESC LIMIT 1;
