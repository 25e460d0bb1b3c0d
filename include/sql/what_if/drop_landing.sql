-- what_if/drop_landing.sql
-- Make room for a second landing in the same transaction.  Returns: nothing.
DROP TABLE pg_temp.desired_state;
