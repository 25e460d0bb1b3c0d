-- desired_state/count_out_of_sync.sql
-- How many accounts of a batch are out of sync now?  Params: batch_id, by_fingerprint.  Returns: count.
SELECT count(*) FROM out_of_sync(%(batch_id)s, %(by_fingerprint)s);
