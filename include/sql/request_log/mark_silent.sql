-- request_log/mark_silent.sql
-- A door found the platform dead: until it answers, the others only probe.  Params: provider.  Returns: nothing.
INSERT INTO sending_rate (provider, silent_since) VALUES (%(provider)s, clock_timestamp())
ON CONFLICT (provider) DO UPDATE SET silent_since = coalesce(sending_rate.silent_since, excluded.silent_since);
