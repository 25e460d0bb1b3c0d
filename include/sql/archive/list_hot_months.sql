-- archive/list_hot_months.sql
-- The months that have a partition of the request log, oldest first.
-- Returns: month (its first day), bytes with indexes, whether rows of the month lie in the default partition.
SELECT month_of(c.relname), pg_total_relation_size(c.oid),
       EXISTS (SELECT FROM request_log_default d
               WHERE d.closed_at >= month_of(c.relname)::timestamp AT TIME ZONE 'UTC'
                 AND d.closed_at < (month_of(c.relname) + interval '1 month') AT TIME ZONE 'UTC')
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'request_log'::regclass AND month_of(c.relname) IS NOT NULL
ORDER BY 1;
