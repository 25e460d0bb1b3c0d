-- what_if/truncate_landing.sql
-- Make room for a landing, in the transaction of its COPY. Names the session's own tables: it fails where there are none,
-- and can never empty those of a run.  Returns: nothing.
TRUNCATE pg_temp.desired_state, pg_temp.batch_item;
