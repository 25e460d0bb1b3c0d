-- what_if/list_answers.sql
-- The newest questions.  Params: limit.
-- Returns: run_id, requested_by, hash, asked_at, answered_at, accounts, requests, refused.
SELECT run_id, requested_by, hash, asked_at, answered_at, (answer -> 'with_file' ->> 'accounts')::bigint,
       (answer -> 'with_file' ->> 'requests')::bigint, refused
FROM what_if ORDER BY asked_at DESC LIMIT %(limit)s;
