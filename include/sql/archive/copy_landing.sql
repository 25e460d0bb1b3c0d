-- archive/copy_landing.sql
COPY landing (log_number, sequence_number, request_number, batch_id, subscription_number, account, command, distributor,
    parameters, state, already, error_code, error_description, reference_number, caused_by, planned_at, sent_at,
    closed_at, attempts, body, response) FROM STDIN;
