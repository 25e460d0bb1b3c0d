-- request_log/mark_unknown.sql
-- No answer came and the request may have arrived.
-- Params: sequence_numbers, attempts, failures (parallel arrays).  Returns: nothing.
WITH unsure AS (
    SELECT * FROM unnest(%(sequence_numbers)s::bigint[], %(attempts)s::integer[], %(failures)s::text[])
        AS u (sequence_number, attempts, failure)
), marked AS (
    UPDATE open_request r SET state = 'UNKNOWN', attempts = u.attempts, last_failure = u.failure
    FROM unsure u WHERE r.sequence_number = u.sequence_number
    RETURNING r.account
)
UPDATE open_plan p SET unknown_attempts = p.unknown_attempts + 1 FROM marked m WHERE p.account = m.account;
