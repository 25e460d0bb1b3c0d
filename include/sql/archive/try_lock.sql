-- archive/try_lock.sql
-- One archivist at a time: until the session ends.  Returns: whether it is ours.
SELECT pg_try_advisory_lock(hashtextextended('archive', 0));
