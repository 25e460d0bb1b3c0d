-- batch/set_planned.sql
-- Params: batch_id, plan_hash.
UPDATE batch SET stage = 'PLANNED', plan_hash = %(plan_hash)s WHERE batch_id = %(batch_id)s;
