-- request_log/slow_down_sending.sql
-- The platform refused a request for the number of them: every door goes on more slowly.
-- Params: provider, refused_rate, left_seconds_ago (when the refused request left).  Returns: nothing.
-- One that left before the last refusal was sent at the rate refused then, and tells nothing new.
INSERT INTO sending_rate (provider, refused_rate, refused_at)
VALUES (%(provider)s, %(refused_rate)s, clock_timestamp())
ON CONFLICT (provider) DO UPDATE SET refused_rate = excluded.refused_rate, refused_at = excluded.refused_at
    WHERE sending_rate.refused_at IS NULL
       OR sending_rate.refused_at < clock_timestamp() - make_interval(secs => %(left_seconds_ago)s);
