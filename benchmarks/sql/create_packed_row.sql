-- The contract's columns, nothing computed, nothing logged: what a plain copy of the extract needs.
CREATE UNLOGGED TABLE packed_row (
    subscription_number text, account_id text, name text, email text, phone text, address text, subscription_type text,
    state text, created_at timestamptz, services jsonb, items jsonb, version bigint
);
