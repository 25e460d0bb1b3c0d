-- desired_state/count_landed.sql
-- How many accounts are landed for a batch?  Params: batch_id.  Returns: count.
-- Compared with what the extract landed: the table is unlogged and a crash of the server empties it.
SELECT count(*) FROM desired_state WHERE batch_id = %(batch_id)s;
