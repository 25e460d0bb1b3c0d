-- request_log/read_subscription_numbers.sql
-- Which subscriptions have accounts been served for, hot and archived?  Params: accounts.  Returns: account, subscription_number.
SELECT DISTINCT account, subscription_number FROM logged_request
WHERE account = ANY(%(accounts)s) AND subscription_number IS NOT NULL;
