-- archive/count_month.sql
-- How many closed requests of a month are hot?  Params: closed_from, closed_to.  Returns: requests.
SELECT count(*) FROM request_log WHERE closed_at >= %(closed_from)s AND closed_at < %(closed_to)s;
