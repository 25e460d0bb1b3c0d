-- desired_state/analyze_desired_state.sql
-- Tell the planner how large the new landing is: it was empty a moment ago.
ANALYZE desired_state;
