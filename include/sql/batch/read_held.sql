-- batch/read_held.sql
-- What a batch holds and nobody has released or replaced, in the order of account; no removals where its extract was
-- not whole: they may be mistakes, and no answer lets them go.
-- Params: batch_id.  Returns: account, subscription_numbers, removals, planned.
SELECT i.account, i.subscription_numbers,
       CASE WHEN b.extract_whole IS FALSE THEN '{}' ELSE i.removals END, i.planned
FROM batch_item i JOIN batch b ON b.batch_id = i.batch_id
WHERE i.batch_id = %(batch_id)s
  AND CASE WHEN b.plan_held THEN i.outcome = 'HELD'
      ELSE EXISTS (SELECT FROM held_removal h WHERE h.batch_id = i.batch_id AND h.account = i.account
                   AND h.released_at IS NULL AND h.replaced_by IS NULL) END
ORDER BY i.account COLLATE "C";
