-- archive/measure_table.sql
-- Params: table_name.  Returns: its bytes with indexes.
SELECT pg_total_relation_size(to_regclass(%(table_name)s));
