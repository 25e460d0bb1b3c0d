-- pages/list_open_requests.sql
-- The requests of an account that have no outcome yet, in the order of sending.  Params: account.
-- Returns: request_number, command, distributor, parameters (masked), state, planned_at, sent_at, attempts,
--   last_failure.
SELECT request_number, command, distributor, masked(parameters), state, planned_at, sent_at, attempts, last_failure
FROM open_request
WHERE account = %(account)s
ORDER BY plan_position;
