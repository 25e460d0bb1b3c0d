-- request_log/read_open_requests.sql
-- The open plans of accounts, in sending order; one that only has a question open has one row without a request.
-- Params: accounts.
-- Returns: account, plan_number, unknown_attempts, sequence_number, request_number, subscription_number, command,
--          distributor, parameters, body, state, sent_at, attempts, in_question.
SELECT p.account, p.plan_number, p.unknown_attempts, r.sequence_number, r.request_number, r.subscription_number,
       r.command, r.distributor, r.parameters, r.body, r.state, r.sent_at, r.attempts, p.in_question
FROM open_plan p LEFT JOIN open_request r ON r.account = p.account AND r.plan_number = p.plan_number
WHERE p.account = ANY(%(accounts)s)
ORDER BY p.account, r.plan_position, r.sequence_number;
