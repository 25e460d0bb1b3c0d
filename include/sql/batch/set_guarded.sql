-- batch/set_guarded.sql
-- Record what the guard decided.
-- Params: batch_id, held_because (NULL: nothing is held), plan_held.
UPDATE batch
SET stage = 'GUARDED', held_because = %(held_because)s, plan_held = %(plan_held)s
WHERE batch_id = %(batch_id)s;
