-- real_time/renew_actions.sql
-- Keep what this lane has in hand.  Params: owner, batch_ids, lease (interval).  Returns: nothing.
UPDATE action_inbox SET due_at = clock_timestamp() + %(lease)s
WHERE batch_id = ANY(%(batch_ids)s::bigint[]) AND state = 'WAITING' AND taken_by = %(owner)s;
