-- request_log/place_requests.sql
-- Give kept requests their place in a fresh plan, and let the first of it leave.
-- Params: sequence_numbers, positions, batch_id, leaving (sequence numbers).  Returns: nothing.
UPDATE open_request r
SET plan_position = p.position, batch_id = %(batch_id)s,
    sent_at = CASE WHEN r.sequence_number = ANY(%(leaving)s::bigint[]) THEN clock_timestamp() ELSE r.sent_at END,
    attempts = r.attempts + CASE WHEN r.sequence_number = ANY(%(leaving)s::bigint[]) THEN 1 ELSE 0 END
FROM unnest(%(sequence_numbers)s::bigint[], %(positions)s::integer[]) AS p (sequence_number, position)
WHERE r.sequence_number = p.sequence_number;
