-- real_time/list_abandoned.sql
-- Open batches of the lane that no lane works on any more.  Params: after (interval).  Returns: batch_id.
SELECT b.batch_id FROM batch b
WHERE b.cause = 'REAL_TIME' AND b.closed_at IS NULL AND b.opened_at < clock_timestamp() - %(after)s
  AND NOT EXISTS (SELECT FROM action_inbox a WHERE a.batch_id = b.batch_id AND a.state = 'WAITING'
                  AND a.due_at > clock_timestamp());
