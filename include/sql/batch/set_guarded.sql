-- batch/set_guarded.sql
-- Params: batch_id, held_because (NULL: nothing is held).
UPDATE batch SET stage = 'GUARDED', held_because = %(held_because)s WHERE batch_id = %(batch_id)s;
