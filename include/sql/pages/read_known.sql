-- pages/read_known.sql
-- What is Tucano known to have for an account, and since when is this so?
-- Params: account.  Returns: account_exists, options, materials, updated_at; no row where nothing is known.
SELECT account_exists, options, materials, updated_at FROM known_state WHERE account = %(account)s;
