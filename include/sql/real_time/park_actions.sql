-- real_time/park_actions.sql
-- Park actions that nothing can be done for.
-- Params: parallel arrays transaction_references, reasons; attempts (how often they are looked at again before).
-- After 2, 4, 8 .. seconds: a standby that lags does not show a new subscription at once.
UPDATE action_inbox a SET state = 'PARKED', reason = p.reason, taken_by = NULL, finished_at = clock_timestamp(),
    due_at = CASE WHEN a.attempts <= %(attempts)s THEN clock_timestamp() + interval '1 second' * (2 ^ a.attempts) END
FROM unnest(%(transaction_references)s::text[], %(reasons)s::text[]) AS p (reference, reason)
WHERE a.transaction_reference = p.reference AND a.state = 'WAITING';
