-- What was sent, account by account in the order of sending.
SELECT account, request_number, body FROM request_log WHERE batch_id = %(batch_id)s ORDER BY account, log_number;
