-- demo/crm/act/7_billing.sql
-- Actions without effect at the platform: billing terms, billing date, customer, place.

CREATE FUNCTION crm.amend_billing_terms(of_subscription text, details jsonb) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    terms text := crm.require_text(details, 'billing_terms');
BEGIN
    IF terms NOT IN ('MONTHLY', 'QUARTERLY', 'ANNUAL') THEN
        PERFORM crm.refuse(format('billing terms %L are unknown', terms), 'use MONTHLY, QUARTERLY or ANNUAL');
    END IF;
    UPDATE crm.subscriptions SET billing_terms = terms WHERE subscription_number = of_subscription;
    RETURN 'AMEND_BILLING_TERMS';
END
$$;

CREATE FUNCTION crm.bill_as_of_date(of_subscription text, details jsonb) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE crm.subscriptions SET billed_until = crm.require_text(details, 'until')::date
    WHERE subscription_number = of_subscription;
    RETURN 'BILL_AS_OF_DATE';
END
$$;

-- Tucano's account keeps its number: by default it is the subscription's, not the customer's.
CREATE FUNCTION crm.change_account(of_subscription text, details jsonb) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.require_account(crm.require_text(details, 'account_number'));
    UPDATE crm.subscriptions SET account_number = details ->> 'account_number'
    WHERE subscription_number = of_subscription;
    RETURN 'CHANGE_SUBSCRIBER_ACCOUNT';
END
$$;

CREATE FUNCTION crm.change_location(of_subscription text, details jsonb) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE crm.subscriptions SET location = crm.require_text(details, 'location')
    WHERE subscription_number = of_subscription;
    RETURN 'CHANGE_SUBSCRIPTION_LOCATION';
END
$$;
