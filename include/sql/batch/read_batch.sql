-- batch/read_batch.sql
-- Params: batch_id.
-- Returns: cause, run_id, parameters, filtered, dry_run, provider_hash, stage, extracted_rows, rejected_rows,
--          counted_rows, landed_accounts, duplicate_keys, extract_whole, not_whole_because, out_of_sync, plan_hash,
--          held_because, platform_down, failures, provider document.
SELECT b.cause, b.run_id, b.parameters, b.filtered, b.dry_run, b.provider_hash, b.stage, b.extracted_rows,
       b.rejected_rows, b.counted_rows, b.landed_accounts, b.duplicate_keys, b.extract_whole, b.not_whole_because,
       b.out_of_sync, b.plan_hash, b.held_because, b.platform_down, b.failures, v.document
FROM batch b LEFT JOIN provider_version v ON v.hash = b.provider_hash
WHERE b.batch_id = %(batch_id)s;
