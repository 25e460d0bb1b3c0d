-- what_if/set_answer.sql
-- Keep the answer, or why there is none.  Params: run_id, hash, answer (jsonb), refused (one of the two is null).
-- Returns: nothing.
UPDATE what_if
SET hash = %(hash)s, answer = %(answer)s, refused = %(refused)s, progress = 'done',
    answered_at = clock_timestamp(), told_at = clock_timestamp()
WHERE run_id = %(run_id)s;
