-- batch/set_proof.sql
-- Record whether the extract is whole, and why not.  Params: batch_id, extract_whole, not_whole_because.
UPDATE batch SET stage = 'PROVED', extract_whole = %(extract_whole)s, not_whole_because = %(not_whole_because)s
WHERE batch_id = %(batch_id)s;
