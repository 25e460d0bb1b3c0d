-- batch/replace_held.sql
-- What earlier batches held is out of date once a later one has looked at the same accounts.
-- Params: batch_id, filtered.  Returns: nothing.  A filtered batch speaks for its own accounts only.
UPDATE held_removal h SET replaced_by = %(batch_id)s
WHERE h.batch_id < %(batch_id)s AND h.released_at IS NULL AND h.replaced_by IS NULL
  AND (NOT %(filtered)s OR EXISTS (SELECT FROM desired_state d WHERE d.batch_id = %(batch_id)s AND d.account = h.account));
