-- crm/extract_subscriptions.sql
-- Pack every subscription of the CRM, or those that the filters keep, into one row each.
-- Params: created_from, created_to (exclusive), subscription_types; null is no filter.
-- Returns: subscription_number, account_id, name, email, phone, address, subscription_type, state, created_at,
--   services, items, version: the contract of docs/crm-contract.md, in this order.
-- Services and items are grouped once for all subscriptions, one pass a table, in an order made of their own
-- content: equal content is equal text. Their JSON is put together as text and parsed once a subscription:
-- jsonb_agg(jsonb_build_object(...)) reads nicer and takes 1.3 times the processor, and a look-up a subscription 1.2
-- times. What is not quoted by to_json is one of the words of a CHECK constraint. A member with a null in it is null: it
-- must not fall out of its array as if it were not sold, so its row is refused.
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
LEFT JOIN (
    SELECT
        subscription_number,
        ('[' || string_agg(
            COALESCE(
                '{"code":' || to_json(product_code) || ',"type":"' || service_type || '","state":"' || state
                || '","distributors":' || array_to_json(distributors)
                || ',"bundle":' || COALESCE(to_json(bundle_code)::text, 'null') || '}',
                'null'
            ),
            ',' ORDER BY product_code COLLATE "C", bundle_code COLLATE "C"
        ) || ']')::jsonb AS packed
    FROM crm.subscription_services
    WHERE is_current
    GROUP BY subscription_number
) AS service USING (subscription_number)
LEFT JOIN (
    SELECT
        subscription_number,
        ('[' || string_agg(
            COALESCE(
                '{"serial_number":' || to_json(serial_number) || ',"type":' || to_json(product_code)
                || ',"distributor":' || COALESCE(to_json(distributor)::text, 'null') || '}',
                'null'
            ),
            ',' ORDER BY serial_number COLLATE "C", product_code COLLATE "C", distributor COLLATE "C"
        ) || ']')::jsonb AS packed
    FROM crm.installed_items
    WHERE removed_at IS NULL
    GROUP BY subscription_number
) AS item USING (subscription_number)
WHERE (%(created_from)s::timestamptz IS NULL OR subscription.created_at >= %(created_from)s::timestamptz)
  AND (%(created_to)s::timestamptz IS NULL OR subscription.created_at < %(created_to)s::timestamptz)
  AND (%(subscription_types)s::text[] IS NULL OR subscription.subscription_type = ANY (%(subscription_types)s::text[]));
