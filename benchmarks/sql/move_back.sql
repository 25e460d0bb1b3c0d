-- The archived month is hot again, and the manifest knows nothing of it.
BEGIN;
ALTER TABLE request_archive DETACH PARTITION request_archive_2026_01;
ALTER TABLE request_archive_2026_01 RENAME TO request_log_2026_01;
ALTER TABLE request_log ATTACH PARTITION request_log_2026_01
    FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2026-02-01 00:00:00+00');
TRUNCATE archive_manifest;
COMMIT;
