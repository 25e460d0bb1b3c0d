-- archive/list_kept_months.sql
-- Every month that was ever archived, oldest first.  Returns: month.
SELECT DISTINCT month FROM archive_manifest ORDER BY month;
