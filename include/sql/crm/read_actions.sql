-- crm/read_actions.sql
-- Read the actions performed in the CRM after a cursor, in the order of their ids.
-- Params: after (the last action_id read; 0 from the beginning), limit, from_transaction (text, or null).
-- Returns: action_id, transaction_reference, transaction_id, behaviour, classification, subscription_number,
--   performed_by, performed_at, state, related_subscription_number.
-- Ids are drawn before the commit, so that a long transaction shows its lower ids later. With from_transaction only
-- actions of that transaction of the CRM or a later one are returned: the reader begins at the oldest one that its last
-- look saw open, and so skips none and reads little again. A CRM that keeps no transaction ids returns null as
-- transaction_id and leaves from_transaction out of its statement.
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
WHERE %(from_transaction)s::text IS NULL AND action_id > %(after)s
UNION ALL
-- OFFSET 0 keeps the planner from walking through all older actions in the order that is asked for below.
(SELECT
    action_id,
    transaction_reference,
    transaction_id::text,
    behaviour,
    classification,
    subscription_number,
    performed_by,
    performed_at,
    state,
    related_subscription_number
FROM crm.subscription_actions
WHERE transaction_id >= %(from_transaction)s::text::xid8 AND action_id > %(after)s
OFFSET 0)
ORDER BY action_id
LIMIT %(limit)s;
