-- batch/count_silences.sql
-- How often in a row requests of a batch got no answer, of all its tasks together: those that were let go after the
-- last answer that any of them recorded.  Params: batch_id.  Returns: silences.
-- Asked at a silence, so both answers are found by request_log_batch_state and not by reading the batch. A request of an
-- earlier batch was asked again at least once, where its account is parked.
WITH answered AS (
    SELECT greatest(
        (SELECT closed_at FROM request_log WHERE batch_id = %(batch_id)s AND state = 'COMPLETED'
         ORDER BY log_number DESC LIMIT 1),
        (SELECT closed_at FROM request_log WHERE batch_id = %(batch_id)s AND state = 'REJECTED' AND sent_at IS NOT NULL
         ORDER BY log_number DESC LIMIT 1),
        '-infinity') AS last_at
)
SELECT ((SELECT coalesce(sum(r.attempts), 0) FROM open_request r, answered a
         WHERE r.batch_id = %(batch_id)s AND r.state = 'UNKNOWN' AND r.sent_at > a.last_at)
        + (SELECT count(*) FROM open_request r JOIN batch_item i ON i.account = r.account, answered a
           WHERE i.batch_id = %(batch_id)s AND i.outcome = 'PARKED' AND i.finished_at > a.last_at
             AND r.batch_id <> i.batch_id AND r.state = 'UNKNOWN'))::integer;
