-- pages/list_failed_subscriptions.sql
-- Whose requests in a batch failed alike.  Params: batch_id, signature, row_limit.  Returns: subscription_number.
SELECT DISTINCT subscription_number
FROM (SELECT subscription_number
      FROM logged_request
      WHERE batch_id = %(batch_id)s AND state = 'REJECTED'
        AND error_signature(command, error_code, error_description) = %(signature)s
      UNION ALL
      SELECT subscription_number
      FROM open_request
      WHERE batch_id = %(batch_id)s AND last_failure IS NOT NULL
        AND error_signature(command, NULL, last_failure) = %(signature)s) AS failed
ORDER BY subscription_number
LIMIT %(row_limit)s;
