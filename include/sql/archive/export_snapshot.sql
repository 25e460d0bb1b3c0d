-- archive/export_snapshot.sql
-- Let another session see what this transaction sees.  Returns: the name it takes it by.
SELECT pg_export_snapshot();
