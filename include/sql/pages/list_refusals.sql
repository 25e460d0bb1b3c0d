-- pages/list_refusals.sql
-- What did Tucano refuse when something was last sent for an account?  Params: account.
-- Returns: request_number, command, distributor, parameters (masked), error_code, error_description, closed_at.
-- What is said about a name may quote it, so it is blotted out as in request_history.
SELECT request_number, command, distributor, masked(parameters), error_code,
       CASE WHEN command = 'CREATE_ACCOUNT' AND error_description IS NOT NULL THEN '***' ELSE error_description END,
       closed_at
FROM request_log
WHERE account = %(account)s AND state = 'REJECTED' AND sent_at IS NOT NULL
  AND batch_id = (SELECT batch_id FROM request_log
                  WHERE account = %(account)s AND sent_at IS NOT NULL ORDER BY log_number DESC LIMIT 1)
ORDER BY log_number;
