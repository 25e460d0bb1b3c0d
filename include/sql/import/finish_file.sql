-- import/finish_file.sql
-- Params: sha256.
UPDATE import_file SET finished_at = clock_timestamp() WHERE sha256 = %(sha256)s;
