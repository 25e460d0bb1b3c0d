-- pages/list_items.sql
-- The accounts of a batch with their plan and their end, in the order of account.
-- Params: batch_id, after (account), outcome ('UNFINISHED': none yet), subscription (its number or the account),
--   planned (a JSON list that the plan must contain), row_limit; null is no filter.
-- Returns: account, subscription_numbers, planned, removals, replacement, allowed_removals, withheld_because, outcome,
--   explanation, finished_at.
SELECT account, subscription_numbers, planned, removals, replacement, allowed_removals, withheld_because, outcome,
       explanation, finished_at
FROM batch_item
WHERE batch_id = %(batch_id)s
  AND (%(after)s::text IS NULL OR account > %(after)s)
  AND (%(outcome)s::text IS NULL OR coalesce(outcome, 'UNFINISHED') = %(outcome)s)
  AND (%(subscription)s::text IS NULL OR account = %(subscription)s OR %(subscription)s = ANY (subscription_numbers))
  AND (%(planned)s::jsonb IS NULL OR planned @> %(planned)s::jsonb)
ORDER BY account
LIMIT %(row_limit)s;
