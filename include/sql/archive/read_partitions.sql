-- archive/read_partitions.sql
-- Which tables are hot and cold, and did this transaction change a row of one?
-- Returns: name of the parent, oid, relfilenode, rows that this transaction, and the session within a second before it,
--          inserted, updated or deleted there: asked twice, the difference is what was done between.
-- A table that is the same file and whose rows nobody touched has, in one snapshot, the same rows.
SELECT p.relname, c.oid::bigint, c.relfilenode::bigint,
       coalesce(pg_stat_get_xact_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid)
                + pg_stat_get_xact_tuples_deleted(c.oid), 0)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE i.inhparent IN ('request_log'::regclass, 'request_archive'::regclass)
ORDER BY c.oid;
