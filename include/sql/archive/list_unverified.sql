-- archive/list_unverified.sql
-- Moves whose look back never came: something died after their commit.
-- Returns: manifest_number, month, rows_before, checksum_before.
SELECT manifest_number, month, rows_before, checksum_before
FROM archive_manifest WHERE verified_at IS NULL ORDER BY manifest_number;
