-- real_time/wake_parked.sql
-- Let parked actions wait again whose time has come.  Returns: nothing.
UPDATE action_inbox SET state = 'WAITING', finished_at = NULL
WHERE state = 'PARKED' AND due_at <= clock_timestamp();
