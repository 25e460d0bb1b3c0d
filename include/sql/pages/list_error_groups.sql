-- pages/list_error_groups.sql
-- What went wrong in a batch, alike with alike: the most frequent first.  Params: batch_id, row_limit.
-- Returns: signature, state (REJECTED, NOT_SENT, or UNKNOWN and PENDING of open ones that failed), command, error_code,
--   error_description (an example), requests, subscriptions, first_at, last_at, example (subscription_number).
SELECT error_signature(command, error_code, error_description), state, command, error_code,
       CASE WHEN command = 'CREATE_ACCOUNT' AND min(error_description) IS NOT NULL THEN '***' ELSE min(error_description) END,
       count(*), count(DISTINCT subscription_number), min(at), max(at), min(subscription_number)
FROM (SELECT command, error_code, error_description, subscription_number, closed_at AS at,
             CASE WHEN sent_at IS NULL THEN 'NOT_SENT' ELSE 'REJECTED' END AS state
      FROM logged_request
      WHERE batch_id = %(batch_id)s AND state = 'REJECTED'
      UNION ALL
      SELECT command, NULL, last_failure, subscription_number, coalesce(sent_at, planned_at), state
      FROM open_request
      WHERE batch_id = %(batch_id)s AND last_failure IS NOT NULL) AS failed
GROUP BY 1, state, command, error_code
ORDER BY count(*) DESC, 1
LIMIT %(row_limit)s;
