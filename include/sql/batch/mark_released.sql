-- batch/mark_released.sql
-- Params: held_batch_id, released_by.  Returns: nothing.
UPDATE held_removal SET released_at = clock_timestamp(), released_by = %(released_by)s
WHERE batch_id = %(held_batch_id)s AND released_at IS NULL AND replaced_by IS NULL;
