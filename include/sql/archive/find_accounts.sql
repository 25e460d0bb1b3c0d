-- archive/find_accounts.sql
-- Which accounts are a subscription's: those it was ever seen with, and the one called like it.
-- Params: subscription_number.  Returns: account.
SELECT account FROM accounts_of(%(subscription_number)s)
UNION
SELECT account FROM desired_state WHERE subscription_numbers @> ARRAY[%(subscription_number)s::text]
UNION
SELECT %(subscription_number)s;
