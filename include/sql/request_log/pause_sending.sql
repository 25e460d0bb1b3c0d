-- request_log/pause_sending.sql
-- The platform asked to wait: every door waits.  Params: provider, seconds.  Returns: nothing.
INSERT INTO sending_rate (provider, next_at)
VALUES (%(provider)s, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (provider) DO UPDATE SET next_at = greatest(sending_rate.next_at, excluded.next_at);
