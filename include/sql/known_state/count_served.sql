-- known_state/count_served.sql
-- How many accounts does Tucano have options, and boxes, for?  Params: none.
-- Returns: accounts with options, accounts with boxes.
SELECT count(*) FILTER (WHERE options <> '{}'), count(*) FILTER (WHERE materials <> '{}') FROM known_state;
