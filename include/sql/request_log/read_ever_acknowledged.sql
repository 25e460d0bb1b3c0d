-- request_log/read_ever_acknowledged.sql
-- Everything that Tucano ever acknowledged to have given an account, hot and archived.
-- Params: account.  Returns: command, parameters.
SELECT DISTINCT command, parameters FROM request_history
WHERE account = %(account)s AND state = 'COMPLETED' AND command IN ('ACTIVATE_OPTIONS', 'ADD_MATERIAL');
