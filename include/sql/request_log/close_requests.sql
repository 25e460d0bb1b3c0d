-- request_log/close_requests.sql
-- Move closed requests to the log, in the order of the arrays, in the commit of what they taught.
-- Params: parallel arrays sequence_numbers, states, already, error_codes, error_descriptions, reference_numbers,
--         attempts, responses (as text: the driver takes ten times as long over an array of bytea).  Returns: nothing.
-- The log's own number gives the order of closing: two outcomes of one account may share a flush.
WITH outcome AS (
    SELECT * FROM unnest(%(sequence_numbers)s::bigint[], %(states)s::text[], %(already)s::boolean[],
        %(error_codes)s::text[], %(error_descriptions)s::text[], %(reference_numbers)s::text[],
        %(attempts)s::integer[], %(responses)s::text[]) WITH ORDINALITY
        AS o (sequence_number, state, already, error_code, error_description, reference_number, attempts, response, n)
), closed AS (
    DELETE FROM open_request r USING outcome o WHERE r.sequence_number = o.sequence_number
    RETURNING r.*, o.state AS outcome_state, o.already, o.error_code, o.error_description, o.reference_number,
              o.attempts AS made_attempts, convert_to(o.response, 'UTF8') AS response, o.n
)
INSERT INTO request_log (sequence_number, request_number, batch_id, subscription_number, account, command, distributor,
    parameters, state, already, error_code, error_description, reference_number, caused_by, planned_at, sent_at,
    closed_at, attempts, body, response)
SELECT sequence_number, request_number, batch_id, subscription_number, account, command, distributor,
    parameters, outcome_state, already, error_code, error_description, reference_number, caused_by, planned_at, sent_at,
    clock_timestamp(), made_attempts, body, response
FROM (SELECT * FROM closed ORDER BY n) AS ordered;
