-- archive/insert_landing.sql
-- Put what was read back into the month's new table; {} is its name, composed by adapters/archive_tables.
INSERT INTO {} (log_number, sequence_number, request_number, batch_id, subscription_number, account, command,
    distributor, parameters, state, already, error_code, error_description, reference_number, caused_by, planned_at,
    sent_at, closed_at, attempts, body, response)
SELECT log_number, sequence_number, request_number, batch_id, subscription_number, account, command,
    distributor, parameters, state, already, error_code, error_description, reference_number, caused_by, planned_at,
    sent_at, closed_at, attempts, body, response
FROM landing;
