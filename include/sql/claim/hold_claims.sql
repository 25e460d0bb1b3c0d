-- claim/hold_claims.sql
-- Say which of these claims still hold, and keep them from changing hands until the transaction ends.
-- Params: accounts, tokens (parallel arrays).  Returns: account, token.
SELECT c.account, c.token
FROM claim c JOIN unnest(%(accounts)s::text[], %(tokens)s::bigint[]) AS mine (account, token)
    ON c.account = mine.account AND c.token = mine.token
WHERE c.until > clock_timestamp()
ORDER BY c.account COLLATE "C"
FOR UPDATE OF c;
