-- batch/count_rejections.sql
-- Tucano's refusals of a batch by code, most first.  Params: batch_id.  Returns: error_code, count, an example.
SELECT error_code, count(*), min(subscription_number) FROM request_log
WHERE batch_id = %(batch_id)s AND state = 'REJECTED' AND sent_at IS NOT NULL
GROUP BY error_code ORDER BY count(*) DESC, error_code LIMIT 5;
