-- archive/read_landing.sql
-- All columns of what was read back, in the order of a subscription's story.
SELECT log_number, sequence_number, request_number, batch_id, subscription_number, account, command, distributor,
       parameters::text, state, already, error_code, error_description, reference_number, caused_by, planned_at,
       sent_at, closed_at, attempts, body, response
FROM landing ORDER BY subscription_number, log_number;
