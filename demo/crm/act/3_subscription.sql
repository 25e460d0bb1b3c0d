-- demo/crm/act/3_subscription.sql
-- The life of a subscription. Each function does one behaviour and returns its business classification;
-- crm.act has found and locked the subscription, checked its state, and writes the action afterwards.

-- Creates account (unless account_number names one), subscription, services and items.
CREATE FUNCTION crm.become_subscriber(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    is_draft boolean := COALESCE((details ->> 'draft')::boolean, false);
    new_state text := CASE WHEN is_draft THEN 'DRAFT' ELSE 'EFFECTIVE' END;
    account text := details ->> 'account_number';
    type_code text := COALESCE(details ->> 'subscription_type', 'RESIDENTIAL');
BEGIN
    IF COALESCE(of_subscription, '') !~ '^S[0-9]{10}$' OR EXISTS (
        SELECT FROM crm.subscriptions WHERE subscription_number = of_subscription
    ) THEN
        PERFORM crm.refuse(format('%L is not a free subscription number', of_subscription),
            'give an unused one: S and ten digits');
    END IF;
    IF NOT EXISTS (SELECT FROM crm.subscription_types WHERE code = type_code) THEN
        PERFORM crm.refuse(format('subscription type %L is unknown', type_code), 'use a code of crm.subscription_types');
    END IF;
    IF account IS NULL THEN
        account := 'A' || substr(of_subscription, 2);
        INSERT INTO crm.accounts (account_number, name, email, phone, address, created_at)
        SELECT account, crm.require_text(details -> 'account', 'name'), given ->> 'email', given ->> 'phone',
               given ->> 'address', performed
        FROM (SELECT details -> 'account' AS given) AS contact
        ON CONFLICT (account_number) DO NOTHING;
        IF NOT FOUND THEN
            PERFORM crm.refuse(format('account %s exists', account), 'name it as account_number in the details');
        END IF;
    END IF;
    PERFORM crm.require_account(account);
    INSERT INTO crm.subscriptions
        (subscription_number, account_number, provisioning_account, subscription_type, state, location, created_at)
    VALUES (of_subscription, account, of_subscription, type_code, new_state, details ->> 'location', performed);
    PERFORM crm.place_service(of_subscription, wanted, new_state, performed)
    FROM jsonb_array_elements(crm.as_array('services', details -> 'services')) AS wanted;
    PERFORM crm.place_item(of_subscription, wanted, performed)
    FROM jsonb_array_elements(crm.as_array('items', details -> 'items')) AS wanted;
    RETURN CASE WHEN is_draft THEN 'CREATEDRAFTSUBSCRIPTION' ELSE 'CREATEACTIVATESUBSCRIPTION' END;
END
$$;

CREATE FUNCTION crm.require_account(wanted text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM crm.accounts WHERE account_number = wanted) THEN
        PERFORM crm.refuse(format('account %L is unknown', wanted), 'look it up in crm.accounts');
    END IF;
END
$$;

-- Also the end of a grace period that went well: who is activated has settled.
CREATE FUNCTION crm.activate_subscription(of_subscription text, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM crm.subscription_services
        WHERE subscription_number = of_subscription AND is_current AND service_type = 'TERMED'
    ) THEN
        PERFORM crm.refuse(format('subscription %s has no termed service', of_subscription), 'add one with ADD_SERVICE');
    END IF;
    PERFORM crm.change_all_services(
        of_subscription, '{TERMED,USAGE,ONE_TIME,EXPENSE}', '{DRAFT,NOT_EFFECTIVE}', 'EFFECTIVE');
    UPDATE crm.subscriptions SET state = 'EFFECTIVE' WHERE subscription_number = of_subscription;
    PERFORM crm.close_ends(of_subscription, 'GRACE');
    RETURN 'ACTIVATESUBSCRIPTION';
END
$$;

CREATE FUNCTION crm.deactivate_subscription(of_subscription text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.change_all_services(of_subscription, '{TERMED,USAGE}', '{EFFECTIVE}', 'NOT_EFFECTIVE');
    UPDATE crm.subscriptions SET state = 'NOT_EFFECTIVE' WHERE subscription_number = of_subscription;
    PERFORM crm.close_ends(of_subscription, 'GRACE');
    RETURN 'DEACTIVATE_SUBSCRIPTION';
END
$$;

-- The boxes go back to the warehouse, unless keep_items says that they are collected later.
CREATE FUNCTION crm.terminate_subscription(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE crm.subscription_services SET state = 'CANCELLED', state_before = NULL
    WHERE subscription_number = of_subscription AND is_current;
    UPDATE crm.subscriptions SET state = 'CANCELLED', state_before = NULL WHERE subscription_number = of_subscription;
    UPDATE crm.scheduled_ends SET closed_at = now()
    WHERE subscription_number = of_subscription AND closed_at IS NULL;
    IF NOT COALESCE((details ->> 'keep_items')::boolean, false) THEN
        UPDATE crm.installed_items SET removed_at = GREATEST(performed, installed_at)
        WHERE subscription_number = of_subscription AND removed_at IS NULL;
    END IF;
    RETURN 'TERMINATE_SUBSCRIPTION';
END
$$;

-- A new subscription of the same customer takes over services and boxes; at the platform it is a new account.
CREATE FUNCTION crm.replace_subscription(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    old crm.subscriptions := crm.find_subscription(of_subscription);
    new_number text := crm.require_text(details, 'to_subscription_number');
BEGIN
    PERFORM crm.become_subscriber(new_number, jsonb_build_object(
        'account_number', old.account_number, 'draft', old.state <> 'EFFECTIVE', 'location', old.location,
        'subscription_type', COALESCE(details ->> 'subscription_type', old.subscription_type)), performed);
    UPDATE crm.subscriptions SET state = old.state WHERE subscription_number = new_number;
    INSERT INTO crm.subscription_services
        (subscription_number, product_code, service_type, state, bundle_code, distributors, added_at)
    SELECT new_number, product_code, service_type, state, bundle_code, distributors, performed
    FROM crm.subscription_services WHERE subscription_number = of_subscription AND is_current;
    INSERT INTO crm.scheduled_ends (subscription_number, service_id, kind, due_at)
    SELECT new_number, taken.service_id, 'USAGE', scheduled.due_at
    FROM crm.subscription_services AS ordered
    JOIN crm.scheduled_ends AS scheduled
        ON scheduled.subscription_number = of_subscription AND scheduled.service_id = ordered.service_id
        AND scheduled.closed_at IS NULL
    JOIN crm.subscription_services AS taken
        ON taken.subscription_number = new_number AND taken.product_code = ordered.product_code
        AND taken.bundle_code IS NULL AND taken.is_current
    WHERE ordered.subscription_number = of_subscription AND ordered.is_current;
    INSERT INTO crm.installed_items
        (subscription_number, serial_number, product_code, distributor, is_customer_owned, installed_at)
    SELECT new_number, serial_number, product_code, distributor, is_customer_owned, performed
    FROM crm.installed_items WHERE subscription_number = of_subscription AND removed_at IS NULL;
    -- Usage has no state REPLACED, and for one-time and expense it means nothing: they end Removed.
    UPDATE crm.subscription_services
    SET state = CASE service_type WHEN 'TERMED' THEN 'REPLACED' ELSE 'REMOVED' END
    WHERE subscription_number = of_subscription AND is_current;
    PERFORM crm.terminate_subscription(of_subscription, '{}', performed);
    UPDATE crm.subscriptions SET state = 'REPLACED' WHERE subscription_number = of_subscription;
    RETURN 'REPLACE_SUBSCRIPTION';
END
$$;
