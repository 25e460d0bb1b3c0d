-- batch/hold_removals.sql
-- Put the removals that may not go in front of a person.  Params: batch_id.  Returns: nothing.
INSERT INTO held_removal (batch_id, account, removals)
SELECT batch_id, account, removals FROM batch_item
WHERE batch_id = %(batch_id)s AND removals <> '{}' AND allowed_removals = '{}'
ON CONFLICT (batch_id, account) DO NOTHING;
