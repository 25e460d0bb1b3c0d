-- request_log/read_subscription_numbers.sql
-- Which subscriptions have accounts been served for?  Params: accounts.  Returns: account, subscription_number.
SELECT DISTINCT account, subscription_number FROM request_log
WHERE account = ANY(%(accounts)s) AND subscription_number IS NOT NULL;
