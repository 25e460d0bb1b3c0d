-- request_log/reserve_sending.sql
-- Reserve the next places in the one queue of all doors, and read what they have learned of the platform.
-- Params: provider, count, requests_per_second, answered (the platform answered this door since it last asked).
-- Returns: seconds until the first place, refused_rate, seconds since then (both NULL: never), whether it is known dead.
INSERT INTO sending_rate (provider, next_at)
VALUES (%(provider)s, clock_timestamp() + make_interval(secs => %(count)s / %(requests_per_second)s::double precision))
ON CONFLICT (provider) DO UPDATE
    SET next_at = greatest(sending_rate.next_at, clock_timestamp())
                  + make_interval(secs => %(count)s / %(requests_per_second)s::double precision),
        silent_since = CASE WHEN %(answered)s THEN NULL ELSE sending_rate.silent_since END
RETURNING greatest(0, extract(epoch FROM next_at - clock_timestamp())
                      - %(count)s / %(requests_per_second)s::double precision)::double precision,
          refused_rate, extract(epoch FROM clock_timestamp() - refused_at)::double precision,
          silent_since IS NOT NULL;
