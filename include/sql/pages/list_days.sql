-- pages/list_days.sql
-- Drift and requests by day (UTC) of closing, of batches that counted themselves.  Params: days.
-- Returns: day, out_of_sync (the most that one run over all found), completed, rejected, not_sent, unknown.
-- From the batches' own counts: a day's thousands of requests are not read again.
SELECT (closed_at AT TIME ZONE 'UTC')::date,
       max(out_of_sync) FILTER (WHERE cause = 'RESET_RUN' AND NOT filtered),
       coalesce(sum(coalesce((counts ->> 'requests_completed')::bigint, (counts ->> 'sent')::bigint)), 0)::bigint,
       coalesce(sum((counts ->> 'requests_rejected')::bigint), 0)::bigint,
       coalesce(sum((counts ->> 'requests_not_sent')::bigint), 0)::bigint,
       coalesce(sum((counts ->> 'requests_unknown')::bigint), 0)::bigint
FROM batch
WHERE closed_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - make_interval(days => %(days)s)
GROUP BY 1
ORDER BY 1;
