-- real_time/list_newest_actions.sql
-- The newest action that the lane was told of each subscription, while it remembers.
-- Params: none.  Returns: subscription_number, action_id.
-- Both subscriptions of an action were changed by it. What is parked since its action was none changed nothing.
SELECT number, max(action_id)
FROM (
    SELECT subscription_number AS number, action_id FROM action_inbox WHERE batch_id IS NOT NULL OR state = 'WAITING'
    UNION ALL
    SELECT related_subscription_number, action_id FROM action_inbox
    WHERE related_subscription_number IS NOT NULL AND (batch_id IS NOT NULL OR state = 'WAITING')
) AS told
GROUP BY number;
