-- Every row of both tables that detection compares, each read once and nothing done with it.
-- Without the setting, which ends with this text, known_state would be counted in its primary key.
SET LOCAL enable_indexonlyscan = off;
SELECT (SELECT count(*) FROM desired_state) + (SELECT count(*) FROM known_state);
