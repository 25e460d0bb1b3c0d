-- known_state/read_known_state.sql
-- Params: accounts.  Returns: account, account_exists, options, materials (packed, sorted).
SELECT account, account_exists, options, materials FROM known_state WHERE account = ANY(%(accounts)s);
