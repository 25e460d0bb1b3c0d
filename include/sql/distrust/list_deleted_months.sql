-- distrust/list_deleted_months.sql
-- The months that were deleted and end after a time: their requests are no longer known one by one.
-- Params: since.  Returns: month as 2026-08.
SELECT to_char(month, 'YYYY-MM')
FROM (SELECT DISTINCT ON (m.month) m.month, m.tier, m.closed_to FROM archive_manifest m
      ORDER BY m.month, m.manifest_number DESC) AS last
WHERE tier = 'deleted' AND closed_to > %(since)s
ORDER BY month;
