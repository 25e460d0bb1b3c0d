-- what_if/set_progress.sql
-- Tell who waits how far it is.  Params: run_id, progress.  Returns: nothing.
UPDATE what_if SET progress = %(progress)s, told_at = clock_timestamp() WHERE run_id = %(run_id)s;
