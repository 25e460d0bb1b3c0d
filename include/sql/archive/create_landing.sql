-- archive/create_landing.sql
-- A place in this session to read a file back to, with the archive's columns.
CREATE TEMPORARY TABLE landing (LIKE request_archive) ON COMMIT DROP;
