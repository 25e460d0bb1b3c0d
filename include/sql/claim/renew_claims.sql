-- claim/renew_claims.sql
-- Renew the claims of one owner that are still alive.
-- Params: owner, lease (interval).  Returns: account, token of those renewed.
-- A claim that ran out is not renewed: somebody else may have been there in between.
UPDATE claim SET until = clock_timestamp() + %(lease)s
WHERE owner = %(owner)s AND until > clock_timestamp()
RETURNING account, token;
