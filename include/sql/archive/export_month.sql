-- archive/export_month.sql
-- All columns of an archived month, in the order of a subscription's story.  Params: closed_from, closed_to.
SELECT log_number, sequence_number, request_number, batch_id, subscription_number, account, command, distributor,
       parameters::text, state, already, error_code, error_description, reference_number, caused_by, planned_at,
       sent_at, closed_at, attempts, body, response
FROM request_archive
WHERE closed_at >= %(closed_from)s AND closed_at < %(closed_to)s
ORDER BY subscription_number, log_number;
