-- batch/release_held.sql
-- Make the items of a releasing batch from what another one holds; only what was shown may be taken away, and nothing
-- where the extract was not whole.
-- Params: batch_id (the releasing), held_batch_id, chunk_size.  Returns: nothing.
INSERT INTO batch_item (batch_id, account, subscription_numbers, chunk_number, planned, removals, allowed_removals,
    replacement)
SELECT %(batch_id)s, i.account, i.subscription_numbers,
       (row_number() OVER (ORDER BY i.account COLLATE "C") - 1) / %(chunk_size)s, i.planned, i.removals,
       CASE WHEN b.extract_whole IS FALSE THEN '{}' ELSE i.removals END, i.replacement
FROM batch_item i JOIN batch b ON b.batch_id = i.batch_id
WHERE i.batch_id = %(held_batch_id)s
  AND CASE WHEN b.plan_held THEN i.outcome = 'HELD'
      ELSE EXISTS (SELECT FROM held_removal h WHERE h.batch_id = i.batch_id AND h.account = i.account
                   AND h.released_at IS NULL AND h.replaced_by IS NULL) END
ON CONFLICT (batch_id, account) DO NOTHING;
