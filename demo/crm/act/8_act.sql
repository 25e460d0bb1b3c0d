-- demo/crm/act/8_act.sql
-- crm.act: the one way to change a subscription. State and action are written in the caller's transaction.

CREATE FUNCTION crm.act(
    behaviour text, subscription_number text, details jsonb, performed_by text,
    performed_at timestamptz DEFAULT now()
) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    given jsonb := COALESCE(details, '{}');
    related text := given ->> 'to_subscription_number';
    class text;
    reference text;
BEGIN
    PERFORM crm.lock_subscriptions(act.subscription_number, related);
    PERFORM crm.check_action(act.behaviour, act.subscription_number, given, performed_by);
    class := CASE act.behaviour
        WHEN 'BECOMESUBSCRIBER' THEN crm.become_subscriber(act.subscription_number, given, performed_at)
        WHEN 'ACTIVATESUBSCRIPTION' THEN crm.activate_subscription(act.subscription_number, performed_at)
        WHEN 'DEACTIVATE_SUBSCRIPTION' THEN crm.deactivate_subscription(act.subscription_number)
        WHEN 'TERMINATE_SUBSCRIPTION' THEN crm.terminate_subscription(act.subscription_number, given, performed_at)
        WHEN 'REPLACE_SUBSCRIPTION' THEN crm.replace_subscription(act.subscription_number, given, performed_at)
        WHEN 'RESTSUBSCRIPTION' THEN crm.rest_subscription(act.subscription_number, given, performed_at)
        WHEN 'ENDSUBSCRIPTIONRESTING' THEN crm.end_resting(act.subscription_number)
        WHEN 'SHORTTERMSUBSCRIPTIONACTIVATION' THEN crm.short_term_activate(act.subscription_number, given, performed_at)
        WHEN 'ENDSUBSCRIPTIONSHORTTERMACTIVATION' THEN crm.end_short_term_activation(act.subscription_number)
        WHEN 'SHORTTERMSUBSCRIPTIONDEACTIVATION'
            THEN crm.short_term_deactivate(act.subscription_number, given, performed_at)
        WHEN 'ENDSUBSCRIPTIONSHORTTERMDEACTIVATION' THEN crm.end_short_term_deactivation(act.subscription_number)
        WHEN 'EXTEND_GRACE_PERIOD' THEN crm.extend_grace_period(act.subscription_number, given, performed_at)
        WHEN 'ADD_SERVICE' THEN crm.add_services(act.subscription_number, given, performed_at)
        WHEN 'REMOVESERVICE' THEN crm.remove_services(act.subscription_number, given, performed_at)
        WHEN 'START_SERVICE' THEN crm.start_services(act.subscription_number, given)
        WHEN 'STOPSERVICE' THEN crm.stop_services(act.subscription_number, given)
        WHEN 'SWAPSERVICE' THEN crm.swap_service(act.subscription_number, given, performed_at)
        WHEN 'SWAP_PACKAGE' THEN crm.swap_package(act.subscription_number, given, performed_at)
        WHEN 'AMENDBUNDLEDSERVICE' THEN crm.amend_bundle(act.subscription_number, given, performed_at)
        WHEN 'ADD_SERVICE_USAGE' THEN crm.add_usage(act.subscription_number, given, performed_at)
        WHEN 'ENDSERVICEUSAGE' THEN crm.end_usage(act.subscription_number, given)
        WHEN 'ADD_INSTALLED_ITEM' THEN crm.add_items(act.subscription_number, given, performed_at)
        WHEN 'REMOVE_INSTALLED_ITEM' THEN crm.remove_items(act.subscription_number, given, performed_at)
        WHEN 'SWAP_INSTALLED_ITEM' THEN crm.swap_items(act.subscription_number, given, performed_at)
        WHEN 'MOVEINSTITEMTOANOTHERSUBSCRIPTION' THEN crm.move_items(act.subscription_number, given, performed_at)
        WHEN 'AMEND_SERVICES_INSTALLED_ITEMS'
            THEN crm.amend_services_and_items(act.subscription_number, given, performed_at)
        WHEN 'CHANGESUBSCRIPTIONDISTRIBUTION' THEN crm.change_distribution(act.subscription_number, given)
        WHEN 'AMEND_BILLING_TERMS' THEN crm.amend_billing_terms(act.subscription_number, given)
        WHEN 'BILL_AS_OF_DATE' THEN crm.bill_as_of_date(act.subscription_number, given)
        WHEN 'CHANGE_SUBSCRIBER_ACCOUNT' THEN crm.change_account(act.subscription_number, given)
        WHEN 'CHANGE_SUBSCRIPTION_LOCATION' THEN crm.change_location(act.subscription_number, given)
    END;
    WITH written AS (
        INSERT INTO crm.subscription_actions (behaviour, classification, subscription_number,
            related_subscription_number, performed_by, performed_at, details)
        VALUES (act.behaviour, class, act.subscription_number, related, act.performed_by, act.performed_at, given)
        RETURNING action_id, transaction_reference
    ), stamped AS (
        UPDATE crm.subscriptions AS subscription SET version = written.action_id
        FROM written WHERE subscription.subscription_number IN (act.subscription_number, related)
    )
    SELECT transaction_reference INTO reference FROM written;
    RETURN reference;
END
$$;

-- Refuse what no behaviour may do: an unknown code, a state it does not start from, details it does not have.
CREATE FUNCTION crm.check_action(behaviour_code text, of_subscription text, details jsonb, performed_by text)
RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    behaviour crm.behaviours := crm.find_behaviour(behaviour_code);
    subscription crm.subscriptions;
    unknown text;
BEGIN
    IF COALESCE(performed_by, '') = '' THEN
        PERFORM crm.refuse(format('%s has no performed_by', behaviour_code), 'name the user or unit');
    END IF;
    IF jsonb_typeof(details) <> 'object' THEN
        PERFORM crm.refuse(format('the details are %s', details), 'give a JSON object');
    END IF;
    SELECT key INTO unknown FROM jsonb_object_keys(details) AS key
    WHERE key <> ALL (behaviour.details_keys) LIMIT 1;
    IF FOUND THEN
        PERFORM crm.refuse(format('%s has no detail %L', behaviour_code, unknown),
            format('use %s', COALESCE(NULLIF(array_to_string(behaviour.details_keys, ', '), ''), 'an empty object')));
    END IF;
    IF behaviour_code = 'BECOMESUBSCRIBER' THEN
        RETURN;
    END IF;
    subscription := crm.find_subscription(of_subscription);
    IF subscription.state <> ALL (behaviour.allowed_from) THEN
        PERFORM crm.refuse(
            format('%s is not allowed while subscription %s is %s', behaviour_code, of_subscription, subscription.state),
            format('it starts from %s', array_to_string(behaviour.allowed_from, ' or ')));
    END IF;
END
$$;

-- Execute the ends that are due, oldest first, each as an action of its own; returns how many.
-- A grace period ends an Effective subscription only: one that rests or is off keeps its date until it is back.
CREATE FUNCTION crm.run_maintenance(at timestamptz DEFAULT now()) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    due record;
    executed integer := 0;
BEGIN
    FOR due IN
        SELECT scheduled.end_id, scheduled.subscription_number, scheduled.kind, service.product_code
        FROM crm.scheduled_ends AS scheduled
        JOIN crm.subscriptions AS subscription USING (subscription_number)
        LEFT JOIN crm.subscription_services AS service USING (service_id)
        WHERE scheduled.closed_at IS NULL AND scheduled.due_at <= at
          AND (scheduled.kind <> 'GRACE' OR subscription.state = 'EFFECTIVE')
        ORDER BY scheduled.due_at, scheduled.end_id
    LOOP
        -- An end of the same subscription may have closed this one a moment ago.
        CONTINUE WHEN NOT EXISTS (SELECT FROM crm.scheduled_ends WHERE end_id = due.end_id AND closed_at IS NULL);
        PERFORM crm.act(
            CASE due.kind
                WHEN 'RESTING' THEN 'ENDSUBSCRIPTIONRESTING'
                WHEN 'SHORT_TERM_ACTIVATION' THEN 'ENDSUBSCRIPTIONSHORTTERMACTIVATION'
                WHEN 'SHORT_TERM_DEACTIVATION' THEN 'ENDSUBSCRIPTIONSHORTTERMDEACTIVATION'
                WHEN 'GRACE' THEN 'DEACTIVATE_SUBSCRIPTION'
                WHEN 'USAGE' THEN 'ENDSERVICEUSAGE'
            END,
            due.subscription_number,
            CASE due.kind
                WHEN 'GRACE' THEN jsonb_build_object('reason', 'GRACE_ENDED')
                WHEN 'USAGE' THEN jsonb_build_object('service', due.product_code)
                ELSE '{}'
            END,
            'MAINTENANCE', at);
        executed := executed + 1;
    END LOOP;
    RETURN executed;
END
$$;
