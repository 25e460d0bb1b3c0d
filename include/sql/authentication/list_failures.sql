-- authentication/list_failures.sql
-- List how old the newest failures of an identifier are.
-- Params: mark, outcome (the one that is a failure), seconds (older ones do not count), limit.
-- Returns: age in seconds.  By the database's clock, which all API server processes share.
SELECT EXTRACT(epoch FROM clock_timestamp() - attempted_at) AS age
FROM authentication_attempt
WHERE identifier_mark = %(mark)s::bytea
  AND outcome = %(outcome)s
  AND attempted_at > clock_timestamp() - make_interval(secs => %(seconds)s)
ORDER BY attempted_at DESC
LIMIT %(limit)s;
