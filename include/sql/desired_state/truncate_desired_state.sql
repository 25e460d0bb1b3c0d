-- desired_state/truncate_desired_state.sql
-- Make room for a new extract.  Waits for a second copy of the same task, which then lands the same rows again.
TRUNCATE desired_state;
