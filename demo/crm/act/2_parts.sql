-- demo/crm/act/2_parts.sql
-- The parts that actions are made of: each changes rows of one subscription and writes no action.

-- Add one service (and its components) in that state; returns the service_id of the service or bundle header.
-- *wanted*: {"code", "distributors": [..], "components": [..]}; components only for a flexible bundle, absent: the
-- default ones.
CREATE FUNCTION crm.place_service(of_subscription text, wanted jsonb, new_state text, performed timestamptz)
RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    product crm.products := crm.find_product(wanted ->> 'code', 'SERVICE');
    distributors text[] := crm.find_distributors(wanted -> 'distributors');
    header bigint;
BEGIN
    IF EXISTS (
        SELECT FROM crm.subscription_services
        WHERE subscription_number = of_subscription AND product_code = product.code
          AND bundle_code IS NULL AND is_current
    ) THEN
        PERFORM crm.refuse(format('subscription %s already has service %s', of_subscription, product.code),
            'start it, or remove it first');
    END IF;
    IF wanted ? 'components' AND product.composition <> 'FLEXIBLE_BUNDLE' THEN
        PERFORM crm.refuse(format('components were chosen for %s, which is %s', product.code, product.composition),
            'choose components of a flexible bundle only');
    END IF;
    INSERT INTO crm.subscription_services
        (subscription_number, product_code, service_type, state, distributors, added_at)
    VALUES (of_subscription, product.code, product.service_type, new_state, distributors, performed)
    RETURNING service_id INTO header;
    IF product.composition <> 'FLAT' THEN
        PERFORM crm.place_component(of_subscription, product.code, code, new_state, distributors, performed)
        FROM jsonb_array_elements_text(wanted -> 'components') AS code
        WHERE wanted ? 'components'
        UNION ALL
        SELECT crm.place_component(of_subscription, product.code, component_code, new_state, distributors, performed)
        FROM crm.bundle_components
        WHERE bundle_code = product.code AND is_default AND NOT wanted ? 'components';
        PERFORM crm.check_composition(of_subscription, product);
    END IF;
    RETURN header;
END
$$;

CREATE FUNCTION crm.place_component(
    of_subscription text, bundle text, component text, new_state text, distributors text[], performed timestamptz
) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM crm.bundle_components WHERE bundle_code = bundle AND component_code = component
    ) THEN
        PERFORM crm.refuse(format('%L is not a component of bundle %s', component, bundle),
            'choose from crm.bundle_components');
    END IF;
    IF EXISTS (
        SELECT FROM crm.subscription_services
        WHERE subscription_number = of_subscription AND product_code = component AND bundle_code = bundle
          AND is_current
    ) THEN
        PERFORM crm.refuse(format('bundle %s of %s already has component %s', bundle, of_subscription, component),
            'leave it out');
    END IF;
    INSERT INTO crm.subscription_services
        (subscription_number, product_code, service_type, state, bundle_code, distributors, added_at)
    SELECT of_subscription, code, service_type, new_state, bundle, distributors, performed
    FROM crm.products WHERE code = component;
END
$$;

CREATE FUNCTION crm.check_composition(of_subscription text, bundle crm.products) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    components text[];
    missing text;
BEGIN
    SELECT COALESCE(array_agg(product_code), '{}') INTO components FROM crm.subscription_services
    WHERE subscription_number = of_subscription AND bundle_code = bundle.code AND is_current;
    SELECT component_code INTO missing FROM crm.bundle_components
    WHERE bundle_code = bundle.code AND is_mandatory AND component_code <> ALL (components);
    IF FOUND THEN
        PERFORM crm.refuse(format('bundle %s lacks its mandatory component %s', bundle.code, missing), 'keep it');
    END IF;
    IF cardinality(components) NOT BETWEEN bundle.minimum_components AND bundle.maximum_components THEN
        PERFORM crm.refuse(format('bundle %s would have %s components', bundle.code, cardinality(components)),
            format('choose %s to %s', bundle.minimum_components, bundle.maximum_components));
    END IF;
END
$$;

-- Give a service and its components a new state; refuses when the service is in none of *allowed*.
CREATE FUNCTION crm.change_service(of_subscription text, wanted text, allowed text[], new_state text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    service crm.subscription_services := crm.find_service(of_subscription, wanted);
BEGIN
    IF service.state <> ALL (allowed) THEN
        PERFORM crm.refuse(format('service %s of %s is %s', wanted, of_subscription, service.state),
            format('this needs %s', array_to_string(allowed, ' or ')));
    END IF;
    UPDATE crm.subscription_services SET state = new_state, state_before = NULL
    WHERE subscription_number = of_subscription AND is_current
      AND (service_id = service.service_id OR bundle_code = wanted);
    UPDATE crm.scheduled_ends SET closed_at = now()
    WHERE subscription_number = of_subscription AND kind = 'USAGE' AND service_id = service.service_id
      AND closed_at IS NULL AND new_state <> ALL (ARRAY['EFFECTIVE', 'NOT_EFFECTIVE']);
    RETURN service.service_id;
END
$$;

-- Give every service of those types and states a new state.
CREATE FUNCTION crm.change_all_services(of_subscription text, types text[], from_states text[], new_state text)
RETURNS void
LANGUAGE sql AS $$
    UPDATE crm.subscription_services SET state = new_state, state_before = NULL
    WHERE subscription_number = of_subscription AND is_current
      AND service_type = ANY (types) AND state = ANY (from_states);
$$;

-- A subscription without any Effective service is not Effective (the manual says so for Stop).
CREATE FUNCTION crm.follow_services(of_subscription text) RETURNS void
LANGUAGE sql AS $$
    UPDATE crm.subscriptions SET state = 'NOT_EFFECTIVE'
    WHERE subscription_number = of_subscription AND state = 'EFFECTIVE' AND NOT EXISTS (
        SELECT FROM crm.subscription_services AS service
        WHERE service.subscription_number = of_subscription AND service.is_current
          AND service.service_type IN ('TERMED', 'USAGE') AND service.state = 'EFFECTIVE');
$$;

-- The state that a service gets when it is added to, or restored in, a subscription in that state.
CREATE FUNCTION crm.state_of_new_service(subscription_state text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE subscription_state WHEN 'DRAFT' THEN 'DRAFT' WHEN 'EFFECTIVE' THEN 'EFFECTIVE' ELSE 'NOT_EFFECTIVE' END;
$$;

-- *wanted*: {"serial_number", "type", "distributor"}; the distributor may be null or absent.
CREATE FUNCTION crm.place_item(of_subscription text, wanted jsonb, performed timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    serial text := crm.require_text(wanted, 'serial_number');
    product crm.products := crm.find_product(wanted ->> 'type', 'PHYSICAL_GOOD');
    place text := crm.find_distributor(wanted ->> 'distributor');
    elsewhere text;
BEGIN
    IF NOT product.traceable THEN
        PERFORM crm.refuse(format('physical good %s is not traceable', product.code),
            'install goods with a serial number only');
    END IF;
    IF serial !~ '^[A-Za-z0-9-]{1,64}$' THEN
        PERFORM crm.refuse(format('serial number %L has characters that no box has', serial),
            'type letters, digits and - only');
    END IF;
    -- Two desks that install the same box at the same moment: the second waits and is refused.
    PERFORM pg_advisory_xact_lock(hashtextextended(serial, 0));
    SELECT subscription_number INTO elsewhere FROM crm.installed_items
    WHERE serial_number = serial AND removed_at IS NULL LIMIT 1;
    IF FOUND THEN
        PERFORM crm.refuse(format('serial number %L is installed at subscription %s', serial, elsewhere),
            'remove it there first, or move it');
    END IF;
    INSERT INTO crm.installed_items (subscription_number, serial_number, product_code, distributor, installed_at)
    VALUES (of_subscription, serial, product.code, place, performed);
END
$$;

CREATE FUNCTION crm.take_item(of_subscription text, serial text, performed timestamptz) RETURNS crm.installed_items
LANGUAGE plpgsql AS $$
DECLARE
    item crm.installed_items := crm.find_installed_item(of_subscription, serial);
BEGIN
    -- An action dated before the installation still ends it, at once.
    UPDATE crm.installed_items SET removed_at = GREATEST(performed, installed_at) WHERE item_id = item.item_id;
    RETURN item;
END
$$;

CREATE FUNCTION crm.schedule_end(of_subscription text, of_service bigint, end_kind text, due timestamptz) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO crm.scheduled_ends (subscription_number, service_id, kind, due_at)
    VALUES (of_subscription, of_service, end_kind, due)
    ON CONFLICT (subscription_number, kind, (COALESCE(service_id, 0))) WHERE closed_at IS NULL
    DO UPDATE SET due_at = EXCLUDED.due_at;
$$;

CREATE FUNCTION crm.close_ends(of_subscription text, VARIADIC kinds text[]) RETURNS void
LANGUAGE sql AS $$
    UPDATE crm.scheduled_ends SET closed_at = now()
    WHERE subscription_number = of_subscription AND kind = ANY (kinds) AND closed_at IS NULL;
$$;
