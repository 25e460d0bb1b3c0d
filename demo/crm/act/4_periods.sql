-- demo/crm/act/4_periods.sql
-- Resting, short-term activation and deactivation, grace: states that last until a date. The date is a row of
-- crm.scheduled_ends, executed by crm.run_maintenance; the end can also come earlier, by its own action.

-- Set aside: remember each state in state_before, so that the end gives back exactly what was.
CREATE FUNCTION crm.set_aside(of_subscription text, subscription_state text, termed_state text, usage_state text)
RETURNS void
LANGUAGE sql AS $$
    UPDATE crm.subscriptions SET state_before = state, state = subscription_state
    WHERE subscription_number = of_subscription;
    UPDATE crm.subscription_services
    SET state_before = state, state = CASE service_type WHEN 'TERMED' THEN termed_state ELSE usage_state END
    WHERE subscription_number = of_subscription AND is_current AND service_type IN ('TERMED', 'USAGE')
      AND (state = 'EFFECTIVE' OR (state = 'NOT_EFFECTIVE' AND subscription_state = 'IN_RESTING'));
$$;

CREATE FUNCTION crm.bring_back(of_subscription text) RETURNS void
LANGUAGE sql AS $$
    UPDATE crm.subscriptions SET state = COALESCE(state_before, 'EFFECTIVE'), state_before = NULL
    WHERE subscription_number = of_subscription;
    UPDATE crm.subscription_services SET state = state_before, state_before = NULL
    WHERE subscription_number = of_subscription AND is_current AND state_before IS NOT NULL;
$$;

-- Without a date it rests until somebody ends it.
CREATE FUNCTION crm.rest_subscription(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.set_aside(of_subscription, 'IN_RESTING', 'IN_RESTING', 'IN_RESTING');
    IF details ? 'until' THEN
        PERFORM crm.schedule_end(of_subscription, NULL, 'RESTING', crm.require_end(details, performed, NULL));
    END IF;
    RETURN 'RESTSUBSCRIPTION';
END
$$;

CREATE FUNCTION crm.end_resting(of_subscription text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.bring_back(of_subscription);
    PERFORM crm.close_ends(of_subscription, 'RESTING');
    RETURN 'ENDSUBSCRIPTIONRESTING';
END
$$;

CREATE FUNCTION crm.short_term_activate(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.schedule_end(
        of_subscription, NULL, 'SHORT_TERM_ACTIVATION', crm.require_end(details, performed, NULL));
    PERFORM crm.change_all_services(of_subscription, '{TERMED}', '{DRAFT,NOT_EFFECTIVE}', 'SHORT_TERM_EFFECTIVE');
    UPDATE crm.subscriptions SET state = 'SHORT_TERM_EFFECTIVE' WHERE subscription_number = of_subscription;
    RETURN 'SHORTTERMSUBSCRIPTIONACTIVATION';
END
$$;

CREATE FUNCTION crm.end_short_term_activation(of_subscription text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.change_all_services(
        of_subscription, '{TERMED,USAGE}', '{SHORT_TERM_EFFECTIVE,EFFECTIVE}', 'NOT_EFFECTIVE');
    UPDATE crm.subscriptions SET state = 'NOT_EFFECTIVE' WHERE subscription_number = of_subscription;
    PERFORM crm.close_ends(of_subscription, 'SHORT_TERM_ACTIVATION');
    RETURN 'ENDSUBSCRIPTIONSHORTTERMACTIVATION';
END
$$;

CREATE FUNCTION crm.short_term_deactivate(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.schedule_end(
        of_subscription, NULL, 'SHORT_TERM_DEACTIVATION', crm.require_end(details, performed, NULL));
    PERFORM crm.set_aside(of_subscription, 'SHORT_TERM_NOT_EFFECTIVE', 'SHORT_TERM_NOT_EFFECTIVE', 'NOT_EFFECTIVE');
    RETURN 'SHORTTERMSUBSCRIPTIONDEACTIVATION';
END
$$;

CREATE FUNCTION crm.end_short_term_deactivation(of_subscription text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.bring_back(of_subscription);
    PERFORM crm.close_ends(of_subscription, 'SHORT_TERM_DEACTIVATION');
    RETURN 'ENDSUBSCRIPTIONSHORTTERMDEACTIVATION';
END
$$;

-- Grace is no state: the subscription stays what it is until the date, and only then turns Not Effective.
CREATE FUNCTION crm.extend_grace_period(of_subscription text, details jsonb, performed timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.schedule_end(of_subscription, NULL, 'GRACE', crm.require_end(details, performed, NULL));
    RETURN 'EXTEND_GRACE_PERIOD';
END
$$;
