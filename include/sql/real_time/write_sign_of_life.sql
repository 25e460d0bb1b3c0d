-- real_time/write_sign_of_life.sql
-- Tell that the lane is alive.  Params: owner, started_at, mode, acted (whether actions came), last_error, ended.
INSERT INTO real_time_lane (owner, started_at, mode, last_action_at, last_error, ended_at)
VALUES (%(owner)s, %(started_at)s, %(mode)s, CASE WHEN %(acted)s THEN clock_timestamp() END, %(last_error)s,
    CASE WHEN %(ended)s THEN clock_timestamp() END)
ON CONFLICT (one_row) DO UPDATE
    SET owner = excluded.owner, started_at = excluded.started_at, alive_at = clock_timestamp(), mode = excluded.mode,
        last_action_at = coalesce(excluded.last_action_at, real_time_lane.last_action_at),
        last_error = excluded.last_error, ended_at = excluded.ended_at;
