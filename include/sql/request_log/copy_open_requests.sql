-- request_log/copy_open_requests.sql
-- COPY of new requests; those with sent_at may leave as soon as this is committed.
COPY open_request (sequence_number, request_number, account, plan_number, plan_position, batch_id, subscription_number,
    command, distributor, parameters, body, caused_by, planned_at, sent_at, attempts)
FROM STDIN;
