-- known_state/write_known_state.sql
-- Write what acknowledgements taught, in the commit of their outcomes.
-- Params: accounts, account_exists, options, materials (parallel arrays; the last two as array literals, since rows of
-- different lengths are no matrix).  Returns: nothing.
INSERT INTO known_state (account, account_exists, options, materials)
SELECT l.account, l.account_exists, l.options::text[], l.materials::text[]
FROM unnest(%(accounts)s::text[], %(account_exists)s::boolean[], %(options)s::text[], %(materials)s::text[])
    AS l (account, account_exists, options, materials)
ON CONFLICT (account) DO UPDATE
    SET account_exists = excluded.account_exists, options = excluded.options, materials = excluded.materials,
        version = known_state.version + 1, updated_at = now();
