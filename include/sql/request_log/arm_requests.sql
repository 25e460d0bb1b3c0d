-- request_log/arm_requests.sql
-- Let requests leave: committed before the first byte.  Params: sequence_numbers.  Returns: nothing.
UPDATE open_request
SET sent_at = coalesce(sent_at, clock_timestamp()), attempts = attempts + 1
WHERE sequence_number = ANY(%(sequence_numbers)s::bigint[]);
