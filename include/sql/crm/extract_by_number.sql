-- crm/extract_by_number.sql
-- Pack some subscriptions, and all others of their platform accounts, into one row each, as they are now.
-- Params: subscription_numbers.
-- Returns: the columns of extract_subscriptions.sql, with the same texts for the same subscription.
-- All subscriptions of an account: what an account should have is the union over them. Numbers that the CRM does
-- not know give no row. A set is small, so that each subscription's services are looked up by index.
SELECT
    subscription.subscription_number,
    subscription.provisioning_account AS account_id,
    account.name,
    account.email,
    account.phone,
    COALESCE(subscription.location, account.address) AS address,
    subscription.subscription_type,
    subscription.state,
    subscription.created_at,
    COALESCE(service.packed, '[]') AS services,
    COALESCE(item.packed, '[]') AS items,
    subscription.version
FROM crm.subscriptions AS subscription
JOIN crm.accounts AS account USING (account_number)
CROSS JOIN LATERAL (
    SELECT
        jsonb_agg(
            jsonb_build_object('code', product_code, 'type', service_type, 'state', state,
                'distributors', distributors, 'bundle', bundle_code)
            ORDER BY product_code COLLATE "C", bundle_code COLLATE "C"
        ) AS packed
    FROM crm.subscription_services
    WHERE subscription_number = subscription.subscription_number AND is_current
) AS service
CROSS JOIN LATERAL (
    SELECT
        jsonb_agg(
            jsonb_build_object('serial_number', serial_number, 'type', product_code, 'distributor', distributor)
            ORDER BY serial_number COLLATE "C", product_code COLLATE "C", distributor COLLATE "C"
        ) AS packed
    FROM crm.installed_items
    WHERE subscription_number = subscription.subscription_number AND removed_at IS NULL
) AS item
WHERE subscription.provisioning_account IN (
    SELECT asked.provisioning_account
    FROM crm.subscriptions AS asked
    WHERE asked.subscription_number = ANY (%(subscription_numbers)s::text[])
);
