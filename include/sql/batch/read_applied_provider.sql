-- batch/read_applied_provider.sql
-- The provider version under which the whole base was last looked at and sent for, by a run or by a person who released
-- its held plan; no row on day one.  Params: batch_id.  Returns: hash.
-- A run that ended before its guard let anything go has applied nothing, though it may have found all accounts out of
-- sync; and one of a few accounts, by filters or by hand, says nothing of the others.
SELECT b.provider_hash FROM batch b
LEFT JOIN batch held ON b.cause = 'RELEASE_REMOVALS' AND held.batch_id = (b.parameters ->> 'held_batch_id')::bigint
WHERE b.batch_id < %(batch_id)s AND NOT b.dry_run AND NOT b.plan_held
  AND (b.cause = 'RESET_RUN' AND NOT b.filtered
       OR b.cause = 'RELEASE_REMOVALS' AND held.cause = 'RESET_RUN' AND NOT held.filtered)
  AND b.stage IN ('GUARDED', 'CLOSED') AND b.provider_hash IS NOT NULL
  AND (b.out_of_sync = 0 OR EXISTS (
      SELECT FROM batch_item i WHERE i.batch_id = b.batch_id AND i.outcome <> 'HELD'))
ORDER BY b.batch_id DESC LIMIT 1;
