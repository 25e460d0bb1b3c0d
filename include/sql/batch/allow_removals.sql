-- batch/allow_removals.sql
-- Let the planned removals go: of pure removals, of replacements, or of both.
-- Params: batch_id, pure, replacements (booleans).  Returns: nothing.
UPDATE batch_item SET allowed_removals = removals
WHERE batch_id = %(batch_id)s AND removals <> '{}'
  AND CASE WHEN replacement THEN %(replacements)s ELSE %(pure)s END;
