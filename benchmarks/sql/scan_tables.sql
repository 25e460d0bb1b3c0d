-- Every row of both tables that detection compares, each read once and nothing done with it.
SELECT (SELECT count(*) FROM desired_state) + (SELECT count(*) FROM known_state);
