-- batch/clear_extract.sql
-- Forget the rejected rows of an earlier attempt of the same extract.  Params: batch_id.
DELETE FROM rejected_row WHERE batch_id = %(batch_id)s;
