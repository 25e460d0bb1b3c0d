-- batch/open_batch.sql
-- Open the batch of a run, or find the one that a first attempt of the same run opened.
-- Params: cause, run_id, requested_by, parameters (jsonb), filtered, dry_run.  Returns: batch_id.
INSERT INTO batch (cause, run_id, requested_by, parameters, filtered, dry_run)
VALUES (%(cause)s, %(run_id)s, %(requested_by)s, %(parameters)s, %(filtered)s, %(dry_run)s)
ON CONFLICT (cause, run_id) WHERE closed_at IS NULL DO UPDATE SET run_id = excluded.run_id
RETURNING batch_id;
