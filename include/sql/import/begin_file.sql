-- import/begin_file.sql
-- Begin to import a file, or begin anew with one that was finished.  Params: sha256, name, kind, batch_id.
INSERT INTO import_file (sha256, name, kind, batch_id) VALUES (%(sha256)s, %(name)s, %(kind)s, %(batch_id)s)
ON CONFLICT (sha256) DO UPDATE
    SET name = excluded.name, batch_id = excluded.batch_id, begun_at = clock_timestamp(), finished_at = NULL;
