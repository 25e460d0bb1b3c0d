-- demo/crm/access_tokens.sql
-- Access tokens: what a customer types into a portal, an identifier and a pass code, kept as a hash.

CREATE TABLE crm.access_tokens (
    identifier     text PRIMARY KEY CHECK (identifier <> ''),
    account_number text NOT NULL UNIQUE REFERENCES crm.accounts,
    pass_code_hash text NOT NULL CHECK (pass_code_hash LIKE '$argon2id$%')
);
COMMENT ON TABLE crm.access_tokens IS 'One a customer; it fits all of the customer''s subscriptions.';
COMMENT ON COLUMN crm.access_tokens.pass_code_hash IS 'Argon2id in the PHC string form: salt and cost are in it.';
