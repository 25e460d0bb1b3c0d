-- archive/list_moved.sql
-- Months that a run moved, and nobody has done anything with since.  Params: run_id.
-- Returns: manifest_number, month, rows_before, checksum_before, performed_by, run_id.
SELECT m.manifest_number, m.month, m.rows_before, m.checksum_before, m.performed_by, m.run_id
FROM archive_manifest m
WHERE m.operation = 'ARCHIVE' AND m.run_id = %(run_id)s
  AND NOT EXISTS (SELECT FROM archive_manifest later WHERE later.month = m.month AND later.manifest_number > m.manifest_number)
ORDER BY m.manifest_number;
