-- archive/find_subscriptions.sql
-- Which subscriptions accounts were ever seen with.  Params: accounts.  Returns: subscription_number.
SELECT subscription_number FROM logged_request WHERE account = ANY(%(accounts)s)
UNION
SELECT unnest(subscription_numbers) FROM batch_item WHERE account = ANY(%(accounts)s)
UNION
SELECT unnest(subscription_numbers) FROM desired_state WHERE account = ANY(%(accounts)s);
