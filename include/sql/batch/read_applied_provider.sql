-- batch/read_applied_provider.sql
-- The provider version that the whole base was last judged or released under; no row on day one.
-- Params: batch_id.  Returns: hash.
-- A filtered run speaks for its own accounts, and so does a release of what it held. A batch is closed whatever happened
-- before: that its guard let it go shows in an account that was sent, or in a plan with nothing in it. What a question
-- (steps/what_if.py) plans in its own session, under the same name, shows nothing: hence the schema.
SELECT b.provider_hash FROM batch b
WHERE b.batch_id < %(batch_id)s AND NOT b.dry_run AND NOT b.plan_held AND b.provider_hash IS NOT NULL
  AND CASE b.cause
      WHEN 'RESET_RUN' THEN NOT b.filtered
      WHEN 'RELEASE_REMOVALS' THEN EXISTS (
          SELECT FROM batch held
          WHERE held.batch_id = (b.parameters ->> 'held_batch_id')::bigint AND held.cause = 'RESET_RUN' AND NOT held.filtered)
      ELSE false END
  AND (b.stage = 'GUARDED'
       OR b.stage = 'CLOSED'
          AND (b.plan_hash IS NOT NULL AND b.out_of_sync = 0
               OR EXISTS (SELECT FROM public.batch_item i
                          WHERE i.batch_id = b.batch_id AND i.outcome IS NOT NULL AND i.outcome <> 'HELD')))
ORDER BY b.batch_id DESC LIMIT 1;
