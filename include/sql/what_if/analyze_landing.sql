-- what_if/analyze_landing.sql
-- Tell the planner what was landed, as a run does for its own table.  Returns: nothing.
ANALYZE pg_temp.desired_state;
