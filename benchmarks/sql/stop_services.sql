-- The last subscribers have their second channel stopped, so that an action can start it.
UPDATE crm.subscription_services SET state = 'NOT_EFFECTIVE'
WHERE product_code = 'ENTERTAIN' AND subscription_number IN (
    SELECT subscription_number FROM crm.subscriptions ORDER BY subscription_number DESC LIMIT %(actions)s);
