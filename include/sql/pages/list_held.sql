-- pages/list_held.sql
-- What waits for a person's release?  Params: account.
-- Returns: batch_id, removals, held_because, plan_held, opened_at; the newest first.
SELECT batch_id, held.removals, batch.held_because, batch.plan_held, batch.opened_at
FROM held_removal AS held
JOIN batch USING (batch_id)
WHERE held.account = %(account)s AND held.released_at IS NULL AND held.replaced_by IS NULL
ORDER BY batch_id DESC;
