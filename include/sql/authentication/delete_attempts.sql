-- authentication/delete_attempts.sql
-- Delete the attempts to authenticate that are older; a dry run only counts them.
-- Params: before, dry_run.  Returns: how many they are.
-- The function has its owner's rights and refuses the last 30 days.
SELECT delete_attempts(%(before)s, %(dry_run)s);
