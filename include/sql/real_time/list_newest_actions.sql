-- real_time/list_newest_actions.sql
-- The newest action that the lane was told of each subscription, while it remembers; nothing where versions are no ids.
-- Params: batch_id.  Returns: subscription_number, action_id.
-- Both subscriptions of an action were changed by it. What is parked since its action was none changed nothing.
-- A CRM may number versions in its own way. That they are ids of actions shows where the last whole extract had one as
-- new as the newest action of before it.
WITH last_whole AS (
    SELECT opened_at, newest_version FROM batch
    WHERE batch_id < %(batch_id)s AND extract_whole AND NOT filtered AND landed_accounts IS NOT NULL
    ORDER BY batch_id DESC LIMIT 1
), told AS (
    SELECT subscription_number AS number, action_id, received_at FROM action_inbox
    WHERE batch_id IS NOT NULL OR state = 'WAITING'
    UNION ALL
    SELECT related_subscription_number, action_id, received_at FROM action_inbox
    WHERE related_subscription_number IS NOT NULL AND (batch_id IS NOT NULL OR state = 'WAITING')
)
SELECT number, max(action_id) FROM told
WHERE (SELECT newest_version FROM last_whole)
      >= (SELECT max(action_id) FROM told WHERE received_at < (SELECT opened_at FROM last_whole))
GROUP BY number;
