-- batch/set_proof.sql
-- Record whether the extract is whole, and why not.
-- Params: batch_id, extract_whole, not_whole_because, version_counts (false: its newest version measures no later one).
UPDATE batch SET stage = 'PROVED', extract_whole = %(extract_whole)s, not_whole_because = %(not_whole_because)s,
    newest_version = CASE WHEN %(version_counts)s THEN newest_version END
WHERE batch_id = %(batch_id)s;
