-- request_log/disarm_requests.sql
-- Record that requests provably never left, in spite of being let go.
-- Params: sequence_numbers, failures (parallel arrays).  Returns: nothing.
-- Only a first attempt can prove it: what was UNKNOWN once stays so.
UPDATE open_request r
SET sent_at = NULL, attempts = 0, last_failure = f.failure
FROM unnest(%(sequence_numbers)s::bigint[], %(failures)s::text[]) AS f (sequence_number, failure)
WHERE r.sequence_number = f.sequence_number AND r.state = 'PENDING';
