-- batch/insert_decision.sql
-- Record a person's answer; the first one counts.
-- Params: batch_id, held_hash, approved, decided_by.  Returns: batch_id; no row where somebody answered before.
INSERT INTO release_decision (batch_id, held_hash, approved, decided_by)
VALUES (%(batch_id)s, %(held_hash)s, %(approved)s, %(decided_by)s)
ON CONFLICT (batch_id) DO NOTHING
RETURNING batch_id;
