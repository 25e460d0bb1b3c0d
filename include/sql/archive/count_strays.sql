-- archive/count_strays.sql
-- Closed requests that no month's partition took.  Returns: requests, first and last closing time.
SELECT count(*), min(closed_at), max(closed_at) FROM request_log_default;
