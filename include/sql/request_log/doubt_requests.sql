-- request_log/doubt_requests.sql
-- A worker ended between letting these requests go and recording an answer: they may have arrived.
-- Params: sequence_numbers.  Returns: nothing.
UPDATE open_request
SET state = 'UNKNOWN', last_failure = coalesce(last_failure, 'the worker that sent it ended before an answer was recorded')
WHERE sequence_number = ANY(%(sequence_numbers)s::bigint[]) AND state = 'PENDING';
