-- pages/read_speed.sql
-- How fast the last minute was.  Params: batch_id, newest (how many requests a minute has at most).
-- Returns: requests closed after being sent, accounts of the batch finished; both in the last 60 seconds.
-- The newest of the log are taken first, since closed_at has no index.
SELECT
    (SELECT count(*)
     FROM (SELECT closed_at, sent_at FROM request_log ORDER BY log_number DESC LIMIT %(newest)s) AS newest
     WHERE sent_at IS NOT NULL AND closed_at > now() - interval '60 s'),
    (SELECT count(*) FROM batch_item WHERE batch_id = %(batch_id)s AND finished_at > now() - interval '60 s');
