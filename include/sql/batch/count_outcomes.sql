-- batch/count_outcomes.sql
-- The counts a batch closes with.  Params: batch_id.
-- Returns: requests completed, rejected by Tucano, closed without being sent, pending, unknown; accounts unfinished,
--          parked, with withheld removals, held; rows rejected, accounts gone from the CRM; rows in the default partition;
--          of those rejected by Tucano the ones that it had refused alike when an earlier batch last asked.
SELECT
    (SELECT count(*) FROM request_log WHERE batch_id = %(batch_id)s AND state = 'COMPLETED'),
    (SELECT count(*) FROM request_log WHERE batch_id = %(batch_id)s AND state = 'REJECTED' AND sent_at IS NOT NULL),
    (SELECT count(*) FROM request_log WHERE batch_id = %(batch_id)s AND state = 'REJECTED' AND sent_at IS NULL),
    (SELECT count(*) FROM open_request WHERE batch_id = %(batch_id)s AND state = 'PENDING'),
    (SELECT count(*) FROM open_request WHERE batch_id = %(batch_id)s AND state = 'UNKNOWN'),
    (SELECT count(*) FROM batch_item WHERE batch_id = %(batch_id)s AND outcome IS NULL),
    (SELECT count(*) FROM batch_item WHERE batch_id = %(batch_id)s AND outcome = 'PARKED'),
    (SELECT count(*) FROM batch_item WHERE batch_id = %(batch_id)s AND withheld_because <> '{}'),
    (SELECT count(*) FROM batch_item WHERE batch_id = %(batch_id)s AND (outcome = 'HELD' OR removals <> allowed_removals)),
    (SELECT count(*) FROM rejected_row WHERE batch_id = %(batch_id)s AND reason <> 'GONE_FROM_CRM'),
    (SELECT count(*) FROM rejected_row WHERE batch_id = %(batch_id)s AND reason = 'GONE_FROM_CRM'),
    (SELECT count(*) FROM stray_request),
    (SELECT count(*) FROM request_log r
     CROSS JOIN LATERAL (
         SELECT e.state, e.error_code FROM request_log e
         WHERE e.account = r.account AND e.log_number < r.log_number AND e.batch_id <> r.batch_id
           AND e.command = r.command AND e.parameters = r.parameters AND e.distributor IS NOT DISTINCT FROM r.distributor
           AND e.sent_at IS NOT NULL
         ORDER BY e.log_number DESC LIMIT 1) AS earlier
     WHERE r.batch_id = %(batch_id)s AND r.state = 'REJECTED' AND r.sent_at IS NOT NULL
       AND earlier.state = 'REJECTED' AND earlier.error_code = r.error_code);
