-- claim/release_claims.sql
-- Give accounts back.  Params: accounts, tokens (parallel arrays).  Returns: nothing.
DELETE FROM claim c USING unnest(%(accounts)s::text[], %(tokens)s::bigint[]) AS mine (account, token)
WHERE c.account = mine.account AND c.token = mine.token;
