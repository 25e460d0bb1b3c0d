-- demo/crm/act/5_services.sql
-- Services: add, remove, regret, start, stop, swap, amend a bundle, order per use.

CREATE FUNCTION crm.add_services(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    subscription crm.subscriptions := crm.find_subscription(of_subscription);
    is_draft boolean := COALESCE((details ->> 'draft')::boolean, false);
    wanted jsonb;
BEGIN
    FOR wanted IN SELECT jsonb_array_elements(crm.require_array(details, 'services')) LOOP
        IF (crm.find_product(wanted ->> 'code', 'SERVICE')).service_type = 'USAGE' THEN
            PERFORM crm.refuse(format('service %s is ordered per use', wanted ->> 'code'), 'use ADD_SERVICE_USAGE');
        END IF;
        PERFORM crm.place_service(of_subscription, wanted,
            CASE WHEN is_draft THEN 'DRAFT' ELSE crm.state_of_new_service(subscription.state) END, performed);
    END LOOP;
    RETURN CASE WHEN is_draft THEN 'ADD_SERVICE_AS_DRAFT' ELSE 'ADD_SERVICE' END;
END
$$;

-- Cancel, or with "regret": true undo within 14 days; the regret of a swap brings the old service back.
CREATE FUNCTION crm.remove_services(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    any_state constant text[] := '{DRAFT,PENDING_VERIFICATION,EFFECTIVE,NOT_EFFECTIVE}';
    is_regret boolean := COALESCE((details ->> 'regret')::boolean, false);
    code text;
BEGIN
    FOR code IN SELECT jsonb_array_elements_text(crm.require_array(details, 'services')) LOOP
        IF is_regret THEN
            PERFORM crm.regret_service(of_subscription, code, performed);
        ELSE
            PERFORM crm.change_service(of_subscription, code, any_state, 'CANCELLED');
        END IF;
    END LOOP;
    IF is_regret AND NOT EXISTS (
        SELECT FROM crm.subscription_services
        WHERE subscription_number = of_subscription AND is_current AND service_type IN ('TERMED', 'USAGE')
    ) THEN
        UPDATE crm.subscriptions SET state = 'REGRETTED' WHERE subscription_number = of_subscription;
    ELSE
        PERFORM crm.follow_services(of_subscription);
    END IF;
    RETURN CASE WHEN is_regret THEN 'REGRETSERVICE' ELSE 'CANCELSERVICE' END;
END
$$;

CREATE FUNCTION crm.regret_service(of_subscription text, code text, performed timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    regret_period constant interval := '14 days'; -- the right of withdrawal of distance contracts in the EU
    service crm.subscription_services := crm.find_service(of_subscription, code);
BEGIN
    IF service.added_at < performed - regret_period THEN
        PERFORM crm.refuse(format('service %s of %s was added on %s', code, of_subscription, service.added_at::date),
            format('regret it within %s, or cancel it without "regret"', regret_period));
    END IF;
    PERFORM crm.change_service(of_subscription, code, '{DRAFT,EFFECTIVE,NOT_EFFECTIVE}', 'REGRETTED');
    UPDATE crm.subscription_services SET state = service.state, swapped_for = NULL
    WHERE swapped_for = service.service_id;
END
$$;

CREATE FUNCTION crm.start_services(of_subscription text, details jsonb) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.change_service(of_subscription, code, '{DRAFT,NOT_EFFECTIVE}', 'EFFECTIVE')
    FROM jsonb_array_elements_text(crm.require_array(details, 'services')) AS code;
    -- The mirror of Stop: with an Effective service again, the subscription is Effective.
    UPDATE crm.subscriptions SET state = 'EFFECTIVE' WHERE subscription_number = of_subscription;
    RETURN 'START_SERVICE';
END
$$;

CREATE FUNCTION crm.stop_services(of_subscription text, details jsonb) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.change_service(of_subscription, code, '{EFFECTIVE}', 'NOT_EFFECTIVE')
    FROM jsonb_array_elements_text(crm.require_array(details, 'services')) AS code;
    PERFORM crm.follow_services(of_subscription);
    RETURN 'STOPSERVICE';
END
$$;

-- *change*: {"from": code, "to": {"code", "distributors", "components"}}; absent distributors are the old service's.
CREATE FUNCTION crm.swap_service(of_subscription text, change jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    old_product crm.products := crm.find_product(crm.require_text(change, 'from'), 'SERVICE');
    new_product crm.products := crm.find_product(crm.require_text(change -> 'to', 'code'), 'SERVICE');
    service crm.subscription_services := crm.find_service(of_subscription, old_product.code);
    new_id bigint;
BEGIN
    IF old_product.service_type <> 'TERMED' OR new_product.service_type <> 'TERMED' THEN
        PERFORM crm.refuse(format('%s (%s) and %s (%s) cannot be swapped', old_product.code, old_product.service_type,
            new_product.code, new_product.service_type), 'swap termed services only');
    END IF;
    new_id := crm.place_service(of_subscription,
        jsonb_build_object('distributors', to_jsonb(service.distributors)) || (change -> 'to'), service.state, performed);
    UPDATE crm.subscription_services SET state = 'SWAPPED', swapped_for = new_id
    WHERE subscription_number = of_subscription AND is_current
      AND (service_id = service.service_id OR bundle_code = old_product.code);
    RETURN CASE
        WHEN new_product.tier > old_product.tier THEN 'UPGRADESERVICE'
        WHEN new_product.tier < old_product.tier THEN 'DOWNGRADESERVICE'
        ELSE 'SWITCHSERVICE'
    END;
END
$$;

CREATE FUNCTION crm.swap_package(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.swap_service(of_subscription, change, performed)
    FROM jsonb_array_elements(crm.require_array(details, 'swaps')) AS change;
    RETURN 'SWAP_PACKAGE';
END
$$;

CREATE FUNCTION crm.amend_bundle(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    header crm.subscription_services := crm.find_service(of_subscription, crm.require_text(details, 'bundle'));
    bundle crm.products := crm.find_product(header.product_code, 'SERVICE');
    component text;
BEGIN
    IF bundle.composition <> 'FLEXIBLE_BUNDLE' THEN
        PERFORM crm.refuse(format('%s is %s', bundle.code, bundle.composition), 'amend flexible bundles only');
    END IF;
    FOR component IN SELECT jsonb_array_elements_text(crm.as_array('remove', details -> 'remove')) LOOP
        UPDATE crm.subscription_services SET state = 'REMOVED'
        WHERE subscription_number = of_subscription AND bundle_code = bundle.code AND product_code = component
          AND is_current;
        IF NOT FOUND THEN
            PERFORM crm.refuse(format('bundle %s of %s has no component %L', bundle.code, of_subscription, component),
                'see crm.subscription_services for what it has');
        END IF;
    END LOOP;
    PERFORM crm.place_component(of_subscription, bundle.code, code, header.state, header.distributors, performed)
    FROM jsonb_array_elements_text(crm.as_array('add', details -> 'add')) AS code;
    PERFORM crm.check_composition(of_subscription, bundle);
    RETURN 'AMENDBUNDLEDSERVICE';
END
$$;

-- Order per use: Active at once, recorded for billing, and over after "until" (48 hours when nothing is said).
CREATE FUNCTION crm.add_usage(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    product crm.products := crm.find_product(crm.require_text(details, 'service'), 'SERVICE');
    service bigint;
BEGIN
    IF product.service_type <> 'USAGE' THEN
        PERFORM crm.refuse(format('service %s is %s', product.code, product.service_type), 'use ADD_SERVICE');
    END IF;
    IF NOT EXISTS (
        SELECT FROM crm.subscription_services AS termed
        WHERE termed.subscription_number = of_subscription AND termed.is_current AND termed.service_type = 'TERMED'
          AND termed.state IN ('EFFECTIVE', 'SHORT_TERM_EFFECTIVE')
    ) THEN
        PERFORM crm.refuse(format('subscription %s has no effective termed service', of_subscription),
            'start one before ordering per use');
    END IF;
    service := crm.place_service(of_subscription,
        jsonb_build_object('code', product.code, 'distributors', details -> 'distributors'), 'EFFECTIVE', performed);
    INSERT INTO crm.usage_records (subscription_number, product_code, used_at)
    VALUES (of_subscription, product.code, performed);
    PERFORM crm.schedule_end(of_subscription, service, 'USAGE', crm.require_end(details, performed, '48 hours'));
    RETURN 'ADD_SERVICE_USAGE';
END
$$;

CREATE FUNCTION crm.end_usage(of_subscription text, details jsonb) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    service crm.subscription_services := crm.find_service(of_subscription, crm.require_text(details, 'service'));
BEGIN
    IF service.service_type <> 'USAGE' THEN
        PERFORM crm.refuse(format('service %s is %s', service.product_code, service.service_type), 'use REMOVESERVICE');
    END IF;
    PERFORM crm.change_service(
        of_subscription, service.product_code, '{EFFECTIVE,NOT_EFFECTIVE,IN_RESTING}', 'REMOVED');
    RETURN 'ENDSERVICEUSAGE';
END
$$;
