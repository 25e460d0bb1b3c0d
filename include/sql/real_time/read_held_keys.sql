-- real_time/read_held_keys.sql
-- What waits for a person already.  Params: accounts.
-- Returns: account, batch_id, removals, whether the lane held it.
SELECT h.account, h.batch_id, h.removals, b.cause = 'REAL_TIME'
FROM held_removal h JOIN batch b USING (batch_id)
WHERE h.account = ANY(%(accounts)s::text[]) AND h.released_at IS NULL AND h.replaced_by IS NULL;
