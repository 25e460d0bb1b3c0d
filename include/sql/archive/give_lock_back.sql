-- archive/give_lock_back.sql
-- Let the next archivist in.  Returns: nothing.
SELECT pg_advisory_unlock(hashtextextended('archive', 0));
