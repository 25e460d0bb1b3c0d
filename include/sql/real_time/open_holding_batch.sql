-- real_time/open_holding_batch.sql
-- Open the batch in which the lane collects what it holds; nothing is sent by it, so it is closed at once.
-- Params: run_id, provider_hash, base, held_because, summary.  Returns: batch_id.
INSERT INTO batch (cause, run_id, requested_by, filtered, provider_hash, stage, closed_at, landed_accounts, held_because,
    summary)
VALUES ('REAL_TIME', %(run_id)s, 'real time', true, %(provider_hash)s, 'CLOSED', clock_timestamp(), %(base)s,
    %(held_because)s, %(summary)s)
RETURNING batch_id;
