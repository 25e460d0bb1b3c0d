-- real_time/open_group.sql
-- Open the batch of a group of actions; it has no extract to be proven: its rows are read by number.
-- Params: run_id, requested_by, parameters (jsonb), provider_hash, extracted_rows, out_of_sync.  Returns: batch_id.
INSERT INTO batch (cause, run_id, requested_by, parameters, filtered, provider_hash, stage, extracted_rows, out_of_sync)
VALUES ('REAL_TIME', %(run_id)s, %(requested_by)s, %(parameters)s, true, %(provider_hash)s, 'GUARDED',
    %(extracted_rows)s, %(out_of_sync)s)
RETURNING batch_id;
