-- real_time/take_actions.sql
-- Lease the oldest waiting actions to this lane.  Params: owner, lease (interval), limit, in_hand (subscription numbers).
-- Returns: transaction_reference, action_id, subscription_number, related_subscription_number, behaviour, performed_by.
-- SKIP LOCKED: two lanes may drain; neither waits, neither takes the same action. What is already in this lane's hand
-- waits in the inbox, so that all its actions become one plan.
WITH next AS (
    SELECT transaction_reference FROM action_inbox
    WHERE state = 'WAITING' AND due_at <= clock_timestamp()
      AND subscription_number <> ALL(%(in_hand)s::text[])
      AND (related_subscription_number IS NULL OR related_subscription_number <> ALL(%(in_hand)s::text[]))
    ORDER BY action_id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE action_inbox a SET due_at = clock_timestamp() + %(lease)s, taken_by = %(owner)s, attempts = attempts + 1
FROM next WHERE a.transaction_reference = next.transaction_reference
RETURNING a.transaction_reference, a.action_id, a.subscription_number, a.related_subscription_number, a.behaviour,
    a.performed_by;
