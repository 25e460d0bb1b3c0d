-- request_log/park_plans.sql
-- Leave accounts to the next night and to a person.
-- Params: accounts, reasons (parallel arrays).  Returns: nothing.
UPDATE open_plan p SET parked_at = clock_timestamp(), parked_because = r.reason
FROM unnest(%(accounts)s::text[], %(reasons)s::text[]) AS r (account, reason)
WHERE p.account = r.account;
