-- real_time/insert_actions.sql
-- Copy actions to the inbox; those that are there already stay as they are.
-- Params: parallel arrays transaction_references, action_ids, behaviours, subscription_numbers, related_numbers,
--         performed_by, performed_at, problems (null: none; else it is parked with it).
-- Returns: state of each that is new.
INSERT INTO action_inbox (transaction_reference, action_id, behaviour, subscription_number, related_subscription_number,
    performed_by, performed_at, state, reason, due_at, finished_at)
SELECT a.reference, a.action_id, a.behaviour, a.number, a.related, a.performed_by, a.performed_at,
    CASE WHEN a.problem IS NULL THEN 'WAITING' ELSE 'PARKED' END, a.problem,
    CASE WHEN a.problem IS NULL THEN clock_timestamp() END, CASE WHEN a.problem IS NOT NULL THEN clock_timestamp() END
FROM unnest(%(transaction_references)s::text[], %(action_ids)s::bigint[], %(behaviours)s::text[],
    %(subscription_numbers)s::text[], %(related_numbers)s::text[], %(performed_by)s::text[],
    %(performed_at)s::timestamptz[], %(problems)s::text[])
    AS a (reference, action_id, behaviour, number, related, performed_by, performed_at, problem)
ORDER BY a.reference
ON CONFLICT (transaction_reference) DO NOTHING
RETURNING state;
