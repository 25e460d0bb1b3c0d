-- real_time/read_snapshot.sql
-- The CRM's clock, and its oldest transaction that is still open.  Runs on crm_db.
-- Returns: now, oldest transaction (text).  What is not seen by a statement that follows is of this one or a later one.
SELECT clock_timestamp(), pg_snapshot_xmin(pg_current_snapshot())::text;
