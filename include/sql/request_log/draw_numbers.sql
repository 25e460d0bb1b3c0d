-- request_log/draw_numbers.sql
-- Params: count.  Returns: number and the time, one row for each request about to be planned.
-- Drawn before the rows are written, since the number stands in the body. The time is this database's.
SELECT nextval('request_sequence'), statement_timestamp() FROM generate_series(1, %(count)s);
