-- request_log/draw_numbers.sql
-- Params: count.  Returns: number, one row for each request about to be planned.
-- Drawn before the rows are written, since the number stands in the body.
SELECT nextval('request_sequence') FROM generate_series(1, %(count)s);
