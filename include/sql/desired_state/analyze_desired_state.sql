-- desired_state/analyze_desired_state.sql
-- Tell the planner what the new landing is: the batch it knows is an older one.  Returns: nothing.
SELECT analyze_desired_state();
