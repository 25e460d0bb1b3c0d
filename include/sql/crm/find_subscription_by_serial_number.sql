-- crm/find_subscription_by_serial_number.sql
-- Find the subscriptions at which an item is installed now; more than one where the CRM has it twice.
-- Params: serial_number.  Returns: subscription_number.
SELECT DISTINCT subscription_number
FROM crm.installed_items
WHERE serial_number = %(serial_number)s AND removed_at IS NULL;
