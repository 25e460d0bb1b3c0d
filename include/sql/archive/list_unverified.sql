-- archive/list_unverified.sql
-- Moves whose look back never came: something died after their commit.
-- Returns: manifest_number, month, rows_before, checksum_before, performed_by, run_id.
SELECT manifest_number, month, rows_before, checksum_before, performed_by, run_id
FROM archive_manifest WHERE verified_at IS NULL ORDER BY manifest_number;
