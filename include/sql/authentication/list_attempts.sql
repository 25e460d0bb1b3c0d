-- authentication/list_attempts.sql
-- List the newest attempts for a subscription, for its timeline.
-- Params: subscription_number, limit.  Returns: attempted_at, asked_by, identifier_kind, outcome.
SELECT attempted_at, asked_by, identifier_kind, outcome
FROM authentication_attempt
WHERE subscription_number = %(subscription_number)s
ORDER BY attempted_at DESC
LIMIT %(limit)s;
