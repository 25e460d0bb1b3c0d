-- batch/list_known_numbers.sql
-- By which subscriptions were accounts known before this batch?  Params: batch_id, accounts.
-- Returns: account, subscription_number.
-- Not by items of which something was withheld: their rows were rejected, or not all there.
SELECT DISTINCT i.account, known.subscription_number
FROM batch_item i CROSS JOIN LATERAL unnest(i.subscription_numbers) AS known (subscription_number)
WHERE i.account = ANY(%(accounts)s::text[]) AND i.batch_id < %(batch_id)s AND i.withheld_because = '{}';
