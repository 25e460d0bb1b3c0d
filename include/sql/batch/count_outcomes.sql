-- batch/count_outcomes.sql
-- The counts a batch closes with.  Params: batch_id.
-- Returns: requests completed, rejected by Tucano, closed without being sent, pending, unknown; accounts unfinished,
--          parked, with withheld removals, held; rows rejected, accounts gone from the CRM; rows in the default partition.
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
    (SELECT count(*) FROM stray_request);
