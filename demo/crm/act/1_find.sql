-- demo/crm/act/1_find.sql
-- Look-ups that refuse: each returns what was asked for, or says what is wrong, with which value, and what to do.

CREATE FUNCTION crm.refuse(problem text, next_step text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: %', problem, next_step;
END
$$;

CREATE FUNCTION crm.find_behaviour(wanted text) RETURNS crm.behaviours
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found_behaviour crm.behaviours;
BEGIN
    SELECT * INTO found_behaviour FROM crm.behaviours WHERE code = wanted;
    IF NOT FOUND THEN
        PERFORM crm.refuse(format('behaviour %L is unknown', wanted),
            'use a code of crm.behaviours, listed in docs/crm-contract.md');
    END IF;
    RETURN found_behaviour;
END
$$;

-- Lock one or two subscriptions, always in the order of their numbers: two actions that cross must not deadlock.
CREATE FUNCTION crm.lock_subscriptions(VARIADIC numbers text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM crm.subscriptions WHERE subscription_number = ANY (numbers) ORDER BY subscription_number FOR UPDATE;
END
$$;

CREATE FUNCTION crm.find_subscription(wanted text) RETURNS crm.subscriptions
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found_subscription crm.subscriptions;
BEGIN
    SELECT * INTO found_subscription FROM crm.subscriptions WHERE subscription_number = wanted;
    IF NOT FOUND THEN
        PERFORM crm.refuse(format('subscription %L is unknown', wanted),
            'look it up in crm.subscriptions, or create it with BECOMESUBSCRIBER');
    END IF;
    RETURN found_subscription;
END
$$;

CREATE FUNCTION crm.find_product(wanted text, wanted_classification text) RETURNS crm.products
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found_product crm.products;
BEGIN
    SELECT * INTO found_product FROM crm.products WHERE code = wanted;
    IF NOT FOUND OR found_product.classification <> wanted_classification THEN
        PERFORM crm.refuse(format('product %L is not a known %s', wanted, wanted_classification),
            'use a code of crm.products, or add the product there first');
    END IF;
    RETURN found_product;
END
$$;

-- The sorted codes of a details array such as ["VP2", "VP1"]; null or absent is no distributor.
CREATE FUNCTION crm.find_distributors(wanted jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    codes text[];
    unknown text;
BEGIN
    SELECT COALESCE(array_agg(DISTINCT code ORDER BY code), '{}')
    INTO codes FROM jsonb_array_elements_text(crm.as_array('distributors', wanted)) AS code;
    SELECT given.code INTO unknown FROM unnest(codes) AS given (code)
    WHERE NOT EXISTS (SELECT FROM crm.distributors AS known WHERE known.code = given.code) LIMIT 1;
    IF FOUND THEN
        PERFORM crm.refuse(format('distributor %L is unknown', unknown), 'use a code of crm.distributors');
    END IF;
    RETURN codes;
END
$$;

CREATE FUNCTION crm.find_distributor(wanted text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN wanted IS NOT NULL THEN (crm.find_distributors(jsonb_build_array(wanted)))[1] END;
$$;

-- The service of that code that the subscription has now, on its own: a component is reached through its bundle.
CREATE FUNCTION crm.find_service(of_subscription text, wanted text) RETURNS crm.subscription_services
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found_service crm.subscription_services;
    bundle text;
BEGIN
    SELECT * INTO found_service FROM crm.subscription_services
    WHERE subscription_number = of_subscription AND product_code = wanted AND bundle_code IS NULL AND is_current;
    IF NOT FOUND THEN
        SELECT bundle_code INTO bundle FROM crm.subscription_services
        WHERE subscription_number = of_subscription AND product_code = wanted AND is_current;
        IF FOUND THEN
            PERFORM crm.refuse(format('service %L of %s is a component of bundle %s', wanted, of_subscription, bundle),
                'act on the bundle, or change its components with AMENDBUNDLEDSERVICE');
        END IF;
        PERFORM crm.refuse(format('subscription %s has no service %L', of_subscription, wanted),
            'see crm.subscription_services for what it has, or add it with ADD_SERVICE');
    END IF;
    RETURN found_service;
END
$$;

CREATE FUNCTION crm.find_installed_item(of_subscription text, wanted text) RETURNS crm.installed_items
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found_item crm.installed_items;
BEGIN
    SELECT * INTO found_item FROM crm.installed_items
    WHERE subscription_number = of_subscription AND serial_number = wanted AND removed_at IS NULL;
    IF NOT FOUND THEN
        PERFORM crm.refuse(format('serial number %L is not installed at subscription %s', wanted, of_subscription),
            'see crm.installed_items for what is, or add it with ADD_INSTALLED_ITEM');
    END IF;
    RETURN found_item;
END
$$;

-- A value of the details as an array; absent is empty, so that optional lists need no case of their own.
CREATE FUNCTION crm.as_array(key text, value jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF value IS NULL OR value = 'null' THEN
        RETURN '[]';
    END IF;
    IF jsonb_typeof(value) <> 'array' THEN
        PERFORM crm.refuse(format('%s is %s', key, value), 'give an array');
    END IF;
    RETURN value;
END
$$;

CREATE FUNCTION crm.require_array(details jsonb, key text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF crm.as_array(key, details -> key) = '[]' THEN
        PERFORM crm.refuse(format('%s is missing or empty in the details', key), 'give an array of at least one');
    END IF;
    RETURN details -> key;
END
$$;

CREATE FUNCTION crm.require_text(details jsonb, key text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF COALESCE(details ->> key, '') = '' THEN
        PERFORM crm.refuse(format('%s is missing in the details %s', key, details), 'give it as a text');
    END IF;
    RETURN details ->> key;
END
$$;

-- The end of a period, after the action itself; *fallback* is how long it lasts when nothing is said (null: say it).
CREATE FUNCTION crm.require_end(details jsonb, performed timestamptz, fallback interval) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
    until timestamptz := COALESCE((details ->> 'until')::timestamptz, performed + fallback);
BEGIN
    IF until IS NULL OR until <= performed THEN
        PERFORM crm.refuse(format('until is %L, the action is of %s', details ->> 'until', performed),
            'give a time after the action');
    END IF;
    RETURN until;
END
$$;
