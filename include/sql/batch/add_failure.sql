-- batch/add_failure.sql
-- Remember that a step failed, for the summary.  Params: batch_id, failure.
UPDATE batch SET failures = array_append(failures, %(failure)s)
WHERE batch_id = %(batch_id)s AND NOT %(failure)s = ANY(failures);
