-- archive/find_personal_bodies.sql
-- What was sent to Tucano about the people of accounts, hot and cold.  Params: accounts.  Returns: body.
SELECT body FROM request_log WHERE account = ANY(%(accounts)s) AND command = 'CREATE_ACCOUNT' AND body IS NOT NULL
UNION
SELECT body FROM request_archive WHERE account = ANY(%(accounts)s) AND command = 'CREATE_ACCOUNT' AND body IS NOT NULL;
