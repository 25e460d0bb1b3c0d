-- demo/crm/keys.sql
-- Foreign keys, unique keys and indexes of the demo CRM, made after the rows are loaded: checked once as a
-- join instead of once a row.

ALTER TABLE crm.subscriptions
    ADD FOREIGN KEY (account_number) REFERENCES crm.accounts,
    ADD FOREIGN KEY (subscription_type) REFERENCES crm.subscription_types;
ALTER TABLE crm.subscription_services
    ADD FOREIGN KEY (subscription_number) REFERENCES crm.subscriptions,
    ADD FOREIGN KEY (product_code, service_type) REFERENCES crm.products (code, service_type),
    ADD FOREIGN KEY (bundle_code) REFERENCES crm.products,
    ADD FOREIGN KEY (swapped_for) REFERENCES crm.subscription_services;
ALTER TABLE crm.installed_items
    ADD FOREIGN KEY (subscription_number) REFERENCES crm.subscriptions,
    ADD FOREIGN KEY (product_code) REFERENCES crm.products,
    ADD FOREIGN KEY (distributor) REFERENCES crm.distributors;
ALTER TABLE crm.subscription_actions
    ADD UNIQUE (transaction_reference),
    ADD FOREIGN KEY (behaviour) REFERENCES crm.behaviours,
    ADD FOREIGN KEY (subscription_number) REFERENCES crm.subscriptions,
    ADD FOREIGN KEY (related_subscription_number) REFERENCES crm.subscriptions;
ALTER TABLE crm.scheduled_ends
    ADD FOREIGN KEY (subscription_number) REFERENCES crm.subscriptions,
    ADD FOREIGN KEY (service_id) REFERENCES crm.subscription_services;
ALTER TABLE crm.usage_records
    ADD FOREIGN KEY (subscription_number) REFERENCES crm.subscriptions,
    ADD FOREIGN KEY (product_code) REFERENCES crm.products;

-- One service of a code at a time, on its own or within one bundle. Also the extract's way to a subscription.
CREATE UNIQUE INDEX ON crm.subscription_services (subscription_number, product_code, COALESCE(bundle_code, ''))
    WHERE is_current;
CREATE INDEX ON crm.subscription_services (swapped_for) WHERE swapped_for IS NOT NULL;
CREATE INDEX ON crm.installed_items (subscription_number) WHERE removed_at IS NULL;
CREATE INDEX ON crm.installed_items (serial_number) WHERE removed_at IS NULL;
CREATE INDEX ON crm.subscriptions (account_number);
CREATE INDEX ON crm.subscriptions (provisioning_account);
CREATE INDEX ON crm.subscription_actions (subscription_number);
CREATE UNIQUE INDEX ON crm.scheduled_ends (subscription_number, kind, COALESCE(service_id, 0))
    WHERE closed_at IS NULL;
CREATE INDEX ON crm.scheduled_ends (due_at) WHERE closed_at IS NULL;
-- The feed of actions begins at a transaction.
CREATE INDEX ON crm.subscription_actions (transaction_id);

-- Wakes whoever listens when actions are committed: optional by the contract, a second faster than asking.
CREATE FUNCTION crm.notify_actions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY subscription_actions;
    RETURN NULL;
END
$$;
CREATE TRIGGER notify_actions AFTER INSERT ON crm.subscription_actions
    FOR EACH STATEMENT EXECUTE FUNCTION crm.notify_actions();
