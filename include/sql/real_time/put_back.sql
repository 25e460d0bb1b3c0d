-- real_time/put_back.sql
-- Let actions wait again that this lane took and did not finish.
-- Params: owner, batch_ids, after (interval), reason (null: none).  Returns: nothing.
UPDATE action_inbox SET due_at = clock_timestamp() + %(after)s, taken_by = NULL, reason = %(reason)s
WHERE batch_id = ANY(%(batch_ids)s::bigint[]) AND state = 'WAITING' AND taken_by = %(owner)s;
