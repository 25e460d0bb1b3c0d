-- batch/read_held_batch.sql
-- Params: batch_id.
-- Returns: held_because, plan_held, held_hash, landed_accounts, provider_hash, whether a later unfiltered batch looked
--          again, who has decided already (NULL: nobody).
SELECT b.held_because, b.plan_held, b.held_hash, b.landed_accounts, b.provider_hash,
       EXISTS (SELECT FROM batch later WHERE later.batch_id > b.batch_id AND later.cause = 'RESET_RUN'
               AND NOT later.filtered AND NOT later.dry_run AND later.plan_hash IS NOT NULL),
       (SELECT d.decided_by FROM release_decision d WHERE d.batch_id = b.batch_id)
FROM batch b WHERE b.batch_id = %(batch_id)s;
