-- real_time/write_judgement.sql
-- Record what accounts would lose and what of it may go.
-- Params: batch_id, account, planned (jsonb), removals, replacement, allowed_removals.  Returns: nothing.
UPDATE batch_item SET planned = %(planned)s, removals = %(removals)s, replacement = %(replacement)s,
    allowed_removals = %(allowed_removals)s
WHERE batch_id = %(batch_id)s AND account = %(account)s AND outcome IS NULL;
