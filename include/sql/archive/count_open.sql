-- archive/count_open.sql
-- Requests that have no outcome yet: their bytes may be needed again.  Params: accounts.  Returns: requests.
SELECT count(*) FROM open_request WHERE account = ANY(%(accounts)s);
