-- demo/crm/drift_candidates.sql
-- Subscriptions that the drift may change, with what it needs to choose an action that the CRM allows.
-- Params: none.
-- Returns: subscription_number, state, codes (all current services), channels (flat termed ones sold on their own),
--   bundle (a flexible bundle, if there is one), components (its), places (where a box stands), serial_numbers (in the
--   same order); ordered by number.
SELECT
    subscription_number,
    subscription.state,
    array_agg(DISTINCT service.product_code ORDER BY service.product_code) AS codes,
    COALESCE(array_agg(service.product_code ORDER BY service.product_code) FILTER (
        WHERE service.bundle_code IS NULL AND product.composition = 'FLAT'
          AND service.service_type = 'TERMED' AND service.state = 'EFFECTIVE'), '{}') AS channels,
    min(service.product_code) FILTER (WHERE product.composition = 'FLEXIBLE_BUNDLE') AS bundle,
    COALESCE(array_agg(service.product_code ORDER BY service.product_code) FILTER (
        WHERE service.bundle_code IN ('FLEX_A', 'FLEX_B')), '{}') AS components,
    item.places,
    item.serial_numbers
FROM crm.subscriptions AS subscription
JOIN crm.subscription_services AS service USING (subscription_number)
JOIN crm.products AS product ON product.code = service.product_code
JOIN (
    SELECT
        subscription_number,
        array_agg(distributor ORDER BY distributor) AS places,
        array_agg(serial_number ORDER BY distributor) AS serial_numbers
    FROM crm.installed_items
    WHERE removed_at IS NULL
    GROUP BY subscription_number
) AS item USING (subscription_number)
WHERE service.is_current
  AND subscription.subscription_type <> 'SHOWCASE'
  AND subscription.state IN ('EFFECTIVE', 'NOT_EFFECTIVE', 'DRAFT', 'IN_RESTING')
GROUP BY subscription_number, item.places, item.serial_numbers
ORDER BY subscription_number;
