-- demo/crm/deliberate_cases.sql
-- Subscriptions that are wrong or special on purpose, found in the rows themselves.
-- Params: none.  Returns: kind, subscription_number, subject (what makes it special); ordered.
-- Nothing may touch them while the demo runs: the summary counts on them.
SELECT kind, subscription_number, subject
FROM (
    SELECT 'MALFORMED' AS kind, subscription_number, serial_number AS subject
    FROM crm.installed_items
    WHERE removed_at IS NULL AND serial_number !~ '^[A-Za-z0-9-]+$'
    UNION ALL
    SELECT 'FIFTH_DISTRIBUTOR', subscription_number, distributor
    FROM crm.installed_items
    WHERE removed_at IS NULL AND distributor = 'VP5'
    UNION ALL
    SELECT 'UNMAPPED_SERVICE', subscription_number, product_code
    FROM crm.subscription_services
    WHERE is_current AND product_code = 'NEW_CHANNEL'
    UNION ALL
    SELECT 'DUPLICATED_SERIAL', item.subscription_number, serial_number
    FROM crm.installed_items AS item
    JOIN (
        SELECT serial_number FROM crm.installed_items
        WHERE removed_at IS NULL GROUP BY serial_number HAVING count(*) > 1
    ) AS twice USING (serial_number)
    WHERE removed_at IS NULL
    UNION ALL
    SELECT 'SHARED_ACCOUNT', subscription_number, provisioning_account
    FROM crm.subscriptions
    WHERE provisioning_account <> subscription_number
    UNION ALL
    SELECT 'SAMPLE_SUBSCRIBER', subscription_number, subscription_number
    FROM crm.subscriptions
    WHERE subscription_number = 'S0000000309'
) AS deliberate
ORDER BY kind, subject, subscription_number;
