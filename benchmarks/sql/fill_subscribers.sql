-- New subscribers with one box and two channels: a plan of three commands each.
INSERT INTO crm.accounts (account_number, name, email, phone, address, created_at)
SELECT 'A' || lpad(n::text, 10, '0'), 'Subscriber ' || n, 'subscriber' || n || '@example.org', '+35799' || lpad(n::text, 6, '0'),
       n || ' Main Street, 1000 Nicosia', now() - interval '1 year'
FROM generate_series(1, %(accounts)s) AS n;

INSERT INTO crm.subscriptions (subscription_number, account_number, provisioning_account, subscription_type, state,
    created_at)
SELECT 'S' || right(account_number, 10), account_number, 'S' || right(account_number, 10), 'RESIDENTIAL', 'EFFECTIVE',
       created_at
FROM crm.accounts;

INSERT INTO crm.subscription_services (subscription_number, product_code, service_type, state, distributors, added_at)
SELECT subscription_number, product_code, 'TERMED', 'EFFECTIVE', '{VP1}', created_at
FROM crm.subscriptions CROSS JOIN unnest('{GEOLOGICAL,ENTERTAIN}'::text[]) AS product_code;

INSERT INTO crm.installed_items (subscription_number, serial_number, product_code, distributor, installed_at)
SELECT subscription_number, 'HD' || right(subscription_number, 10), 'STB_HD', 'VP1', created_at
FROM crm.subscriptions;
