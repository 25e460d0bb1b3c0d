-- batch/read_requests.sql
-- The requests of a batch with their answers, in the order of sending.  Params: batch_id.
-- Returns: request_number, account, command, distributor, parameters, state, error_code, error_description, already.
SELECT request_number, account, command, distributor, parameters, state, error_code, error_description, already
FROM (
    SELECT request_number, account, command, distributor, parameters, state, error_code, error_description, already,
           log_number AS position
    FROM request_log WHERE batch_id = %(batch_id)s
    UNION ALL
    SELECT request_number, account, command, distributor, parameters, state, NULL, last_failure, false,
           9223372036854775807
    FROM open_request WHERE batch_id = %(batch_id)s
) AS request
ORDER BY position, request_number;
