-- what_if/insert_question.sql
-- Keep a question, or begin it again where the task runs a second time.
-- Params: run_id, requested_by.  Returns: nothing.
INSERT INTO what_if (run_id, requested_by) VALUES (%(run_id)s, %(requested_by)s)
ON CONFLICT (run_id) DO UPDATE
SET told_at = clock_timestamp(), progress = 'begins again', answered_at = NULL, answer = NULL, refused = NULL;
