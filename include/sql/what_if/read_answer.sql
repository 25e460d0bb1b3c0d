-- what_if/read_answer.sql
-- How far is a question, and what is its answer?  Params: run_id.
-- Returns: run_id, requested_by, hash, asked_at, told_at, progress, answered_at, answer, refused.
SELECT run_id, requested_by, hash, asked_at, told_at, progress, answered_at, answer, refused
FROM what_if WHERE run_id = %(run_id)s;
