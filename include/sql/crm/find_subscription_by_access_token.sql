-- crm/find_subscription_by_access_token.sql
-- Find the subscriptions that an access token fits, with the hash of its pass code in each row.
-- Params: identifier.
-- Returns: pass_code_hash (Argon2 in PHC form, one an identifier), subscription_number (null where it fits none).
-- Also those that have ended: whether a subscription may order is not decided here.
SELECT token.pass_code_hash, subscription.subscription_number
FROM crm.access_tokens AS token
LEFT JOIN crm.subscriptions AS subscription USING (account_number)
WHERE token.identifier = %(identifier)s;
