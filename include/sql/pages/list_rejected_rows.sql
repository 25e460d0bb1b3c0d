-- pages/list_rejected_rows.sql
-- Rows of the CRM that a batch could not use, and accounts gone from it, in the order in which they were met.
-- Params: batch_id, after (row_number), reason, row_limit; null is no filter.
-- Returns: row_number, account, subscription_number, reason, explanation.
SELECT row_number, account, subscription_number, reason, explanation
FROM rejected_row
WHERE batch_id = %(batch_id)s
  AND (%(after)s::bigint IS NULL OR row_number > %(after)s)
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
ORDER BY row_number
LIMIT %(row_limit)s;
