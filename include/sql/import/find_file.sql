-- import/find_file.sql
-- Params: sha256.  Returns: batch_id, finished_at; no row where this content was never imported.
SELECT batch_id, finished_at FROM import_file WHERE sha256 = %(sha256)s;
