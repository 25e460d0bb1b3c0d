-- batch/clear_failure.sql
-- A step that failed before has succeeded now.  Params: batch_id, step.
UPDATE batch SET failures = ARRAY(SELECT f FROM unnest(failures) AS f WHERE NOT starts_with(f, %(step)s || ':'))
WHERE batch_id = %(batch_id)s AND failures <> '{}';
