-- demo/crm/act/6_items.sql
-- Installed items and where things are watched.

CREATE FUNCTION crm.add_items(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.place_item(of_subscription, wanted, performed)
    FROM jsonb_array_elements(crm.require_array(details, 'items')) AS wanted;
    RETURN 'ADD_INSTALLED_ITEM';
END
$$;

CREATE FUNCTION crm.remove_items(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.take_item(of_subscription, serial, performed)
    FROM jsonb_array_elements_text(crm.require_array(details, 'items')) AS serial;
    RETURN 'REMOVE_INSTALLED_ITEM';
END
$$;

-- Pairs {"from": serial number, "to": {"serial_number", "type"}}; the new box stands where the old one stood.
CREATE FUNCTION crm.swap_items(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    pair jsonb;
    old crm.installed_items;
BEGIN
    FOR pair IN SELECT jsonb_array_elements(crm.require_array(details, 'pairs')) LOOP
        old := crm.take_item(of_subscription, crm.require_text(pair, 'from'), performed);
        PERFORM crm.place_item(of_subscription,
            jsonb_build_object('type', old.product_code) || (pair -> 'to')
            || jsonb_build_object('distributor', old.distributor), performed);
    END LOOP;
    RETURN 'SWAP_INSTALLED_ITEM';
END
$$;

-- Items {"serial_number", "distributor": the new one} to another subscription of the same customer.
CREATE FUNCTION crm.move_items(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    source crm.subscriptions := crm.find_subscription(of_subscription);
    target crm.subscriptions := crm.find_subscription(crm.require_text(details, 'to_subscription_number'));
    wanted jsonb;
    item crm.installed_items;
BEGIN
    IF target.account_number <> source.account_number OR target.subscription_number = source.subscription_number THEN
        PERFORM crm.refuse(format('subscription %s is not another one of customer %s',
            target.subscription_number, source.account_number), 'move items within one customer only');
    END IF;
    IF target.state IN ('CANCELLED', 'REGRETTED', 'REPLACED') THEN
        PERFORM crm.refuse(format('subscription %s is %s', target.subscription_number, target.state),
            'move items to a subscription that has not ended');
    END IF;
    FOR wanted IN SELECT jsonb_array_elements(crm.require_array(details, 'items')) LOOP
        item := crm.take_item(of_subscription, crm.require_text(wanted, 'serial_number'), performed);
        PERFORM crm.place_item(target.subscription_number,
            jsonb_build_object('type', item.product_code, 'distributor', item.distributor) || wanted, performed);
    END LOOP;
    RETURN 'MOVEINSTITEM';
END
$$;

-- Services {"code", "distributors"} and items {"serial_number", "distributor"}: set, change, or clear with [] or null.
CREATE FUNCTION crm.change_distribution(of_subscription text, details jsonb) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    wanted jsonb;
    service crm.subscription_services;
    item crm.installed_items;
BEGIN
    IF NOT details ?| ARRAY['services', 'items'] THEN
        PERFORM crm.refuse('the details name neither services nor items', 'give at least one of them');
    END IF;
    FOR wanted IN SELECT jsonb_array_elements(crm.as_array('services', details -> 'services')) LOOP
        service := crm.find_service(of_subscription, crm.require_text(wanted, 'code'));
        UPDATE crm.subscription_services SET distributors = crm.find_distributors(wanted -> 'distributors')
        WHERE subscription_number = of_subscription AND is_current
          AND (service_id = service.service_id OR bundle_code = service.product_code);
    END LOOP;
    FOR wanted IN SELECT jsonb_array_elements(crm.as_array('items', details -> 'items')) LOOP
        item := crm.find_installed_item(of_subscription, crm.require_text(wanted, 'serial_number'));
        UPDATE crm.installed_items SET distributor = crm.find_distributor(wanted ->> 'distributor')
        WHERE item_id = item.item_id;
    END LOOP;
    RETURN 'SWAPSUBSCRIPTIONDISTRIBUTION';
END
$$;

-- Remove, then add, services and items in one action.
CREATE FUNCTION crm.amend_services_and_items(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    IF details ? 'remove_items' THEN
        PERFORM crm.remove_items(of_subscription, jsonb_build_object('items', details -> 'remove_items'), performed);
    END IF;
    IF details ? 'add_items' THEN
        PERFORM crm.add_items(of_subscription, jsonb_build_object('items', details -> 'add_items'), performed);
    END IF;
    IF details ? 'add_services' THEN
        PERFORM crm.add_services(
            of_subscription, jsonb_build_object('services', details -> 'add_services'), performed);
    END IF;
    IF details ? 'remove_services' THEN
        PERFORM crm.remove_services(
            of_subscription, jsonb_build_object('services', details -> 'remove_services'), performed);
    END IF;
    RETURN 'AMEND_SERVICES_INSTALLED_ITEMS';
END
$$;
