-- crm/read_actions.sql
-- Read the actions performed in the CRM after a cursor, in the order of their ids.
-- Params: after (the last action_id read; 0 from the beginning), limit.
-- Returns: action_id, transaction_reference, transaction_id, behaviour, classification, subscription_number,
--   performed_by, performed_at, state, related_subscription_number.
-- Ids are drawn before the commit, so that a long transaction shows its lower ids later: transaction_id (null
-- where the CRM has none) lets the reader go back to the oldest transaction that its last snapshot saw open.
SELECT
    action_id,
    transaction_reference,
    transaction_id::text AS transaction_id,
    behaviour,
    classification,
    subscription_number,
    performed_by,
    performed_at,
    state,
    related_subscription_number
FROM crm.subscription_actions
WHERE action_id > %(after)s
ORDER BY action_id
LIMIT %(limit)s;
