-- archive/find_table.sql
-- Params: table_name.  Returns: its oid, or NULL.
SELECT to_regclass(%(table_name)s)::oid::bigint;
