-- request_log/reserve_sending.sql
-- Reserve the next places in the one queue of all doors.
-- Params: provider, count, requests_per_second.  Returns: seconds until the first place.
INSERT INTO sending_rate (provider, next_at)
VALUES (%(provider)s, clock_timestamp() + make_interval(secs => %(count)s / %(requests_per_second)s::double precision))
ON CONFLICT (provider) DO UPDATE
    SET next_at = greatest(sending_rate.next_at, clock_timestamp())
                  + make_interval(secs => %(count)s / %(requests_per_second)s::double precision)
RETURNING greatest(0, extract(epoch FROM next_at - clock_timestamp())
                      - %(count)s / %(requests_per_second)s::double precision)::double precision;
