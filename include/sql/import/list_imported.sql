-- import/list_imported.sql
-- The accounts that a batch has imported, hot and archived.  Params: batch_id.  Returns: account.
SELECT account FROM logged_request WHERE batch_id = %(batch_id)s AND command = 'IMPORT';
