-- real_time/lock_removals.sql
-- Let one lane at a time judge removals, until the transaction ends: together they may not take more than one.
SELECT pg_advisory_xact_lock(hashtextextended('real_time.removals', 0));
