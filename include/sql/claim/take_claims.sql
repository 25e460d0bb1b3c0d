-- claim/take_claims.sql
-- Claim accounts for one owner until now + lease, where nobody else holds them.
-- Params: accounts, owner, lease (interval).  Returns: account, token of those taken.
-- Sorted, so that two owners after the same accounts wait in one order and cannot deadlock; an owner's own live
-- claim is not taken again: a task that runs twice has two owners. The clock is this database's, whatever the worker's.
INSERT INTO claim (account, owner, token, until)
SELECT a.account, %(owner)s, nextval('claim_token'), clock_timestamp() + %(lease)s
FROM (SELECT DISTINCT unnest(%(accounts)s::text[]) COLLATE "C" AS account ORDER BY 1) AS a
ON CONFLICT (account) DO UPDATE
    SET owner = excluded.owner, token = excluded.token, until = excluded.until
    WHERE claim.until < clock_timestamp()
RETURNING account, token;
