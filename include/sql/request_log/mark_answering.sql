-- request_log/mark_answering.sql
-- The platform, found dead by some door, has answered one: none has to probe.  Params: queues.  Returns: nothing.
UPDATE sending_rate SET silent_since = NULL WHERE provider = ANY(%(queues)s) AND silent_since IS NOT NULL;
