-- real_time/list_newest_actions_of.sql
-- The newest action that the lane was told of some subscriptions, while it remembers.
-- Params: subscription_numbers, batch_id.  Returns: subscription_number, action_id.
-- As list_newest_actions.sql for a few. Of actions that name one of them second, those that this batch works on: only
-- they are found by an index.
SELECT number, max(action_id)
FROM (
    SELECT subscription_number AS number, action_id FROM action_inbox
    WHERE subscription_number = ANY(%(subscription_numbers)s::text[]) AND (batch_id IS NOT NULL OR state = 'WAITING')
    UNION ALL
    SELECT related_subscription_number, action_id FROM action_inbox
    WHERE batch_id = %(batch_id)s AND state = 'WAITING'
      AND related_subscription_number = ANY(%(subscription_numbers)s::text[])
) AS told
GROUP BY number;
