-- archive/read_month.sql
-- The last word of the manifest about a month, and its newest file.  Params: month.
-- Returns: tier, rows, checksum, file, file_sha256, file_rows, file_checksum.
SELECT m.tier, coalesce(m.rows_after, m.rows_before), coalesce(m.checksum_after, m.checksum_before),
       f.file, f.file_sha256, f.file_rows, f.file_checksum
FROM archive_manifest m
LEFT JOIN LATERAL (SELECT file, file_sha256, file_rows, file_checksum FROM archive_manifest
                   WHERE month = m.month AND file IS NOT NULL ORDER BY manifest_number DESC LIMIT 1) f ON true
WHERE m.month = %(month)s
ORDER BY m.manifest_number DESC LIMIT 1;
