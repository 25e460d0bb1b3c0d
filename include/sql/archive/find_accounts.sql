-- archive/find_accounts.sql
-- Whose requests are a subscription's?  Params: subscription_number.  Returns: account.
SELECT DISTINCT account FROM logged_request WHERE subscription_number = %(subscription_number)s
UNION
SELECT %(subscription_number)s;
