-- batch/set_held_hash.sql
-- Name what a batch holds.  Params: batch_id, held_hash.
UPDATE batch SET held_hash = %(held_hash)s WHERE batch_id = %(batch_id)s;
