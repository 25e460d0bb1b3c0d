-- batch/find_releasing.sql
-- The batch in which an earlier attempt of a run has released what another batch held.
-- Params: run_id, held_batch_id.  Returns: batch_id; no row where nothing was released by it.
SELECT batch_id FROM batch
WHERE cause = 'RELEASE_REMOVALS' AND run_id = %(run_id)s AND stage = 'GUARDED'
  AND (parameters ->> 'held_batch_id')::bigint = %(held_batch_id)s;
