-- what_if/create_landing.sql
-- Tables of this session's own, by the names of those of a run: the run's statements, which name no schema, find these
-- first. So a question is answered by the plan's own code, and no run sees it.  Returns: nothing.
-- To be committed at once: until then the run's table stays locked against its next extract.
CREATE TEMPORARY TABLE desired_state (LIKE public.desired_state INCLUDING ALL);
