-- batch/count_silences.sql
-- How often in a row requests of a batch got no answer, of all its tasks together: those that were let go after the
-- last answer that any of them recorded.  Params: batch_id.  Returns: silences.
-- Asked at a silence, so both answers are found by request_log_batch_state and not by reading the batch.
SELECT coalesce(sum(r.attempts), 0)::integer
FROM open_request r
WHERE r.batch_id = %(batch_id)s AND r.state = 'UNKNOWN'
  AND r.sent_at > greatest(
      (SELECT closed_at FROM request_log WHERE batch_id = %(batch_id)s AND state = 'COMPLETED'
       ORDER BY log_number DESC LIMIT 1),
      (SELECT closed_at FROM request_log WHERE batch_id = %(batch_id)s AND state = 'REJECTED' AND sent_at IS NOT NULL
       ORDER BY log_number DESC LIMIT 1),
      '-infinity');
