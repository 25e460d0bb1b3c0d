-- real_time/forget_actions.sql
-- Forget what is long done.  Params: keep (interval).  Returns: nothing.  A part at a time: it runs beside the draining.
DELETE FROM action_inbox WHERE transaction_reference IN (
    SELECT transaction_reference FROM action_inbox
    WHERE received_at < clock_timestamp() - %(keep)s AND state = 'DONE'
    ORDER BY received_at LIMIT 10000);
