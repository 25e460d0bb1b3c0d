-- One action of each subscription, as a mass change of the CRM writes them.
INSERT INTO crm.subscription_actions (behaviour, classification, subscription_number, performed_by, performed_at)
SELECT 'ADD_SERVICE', 'ADD_SERVICE', subscription_number, 'benchmark', now() FROM crm.subscriptions ORDER BY 1;
