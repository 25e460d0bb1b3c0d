-- batch/read_platform_down.sql
-- Params: batch_id.  Returns: platform_down.
SELECT platform_down FROM batch WHERE batch_id = %(batch_id)s;
