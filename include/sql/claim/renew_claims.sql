-- claim/renew_claims.sql
-- Renew the claims of one owner that are still alive.
-- Params: owner, lease (interval).  Returns: account, token of those renewed.
-- A claim that ran out is not renewed: somebody else may have been there in between. Locked in the order in which
-- claims are held, so that an owner who renews and writes at the same time does not wait for himself in a circle.
WITH alive AS MATERIALIZED (
    SELECT account FROM claim WHERE owner = %(owner)s AND until > clock_timestamp()
    ORDER BY account COLLATE "C"
    FOR UPDATE
)
UPDATE claim c SET until = clock_timestamp() + %(lease)s
FROM alive WHERE c.account = alive.account
RETURNING c.account, c.token;
