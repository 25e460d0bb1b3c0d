-- request_log/open_plans.sql
-- Open a plan for each account, or take over the one it has; a parked plan is open again.
-- Params: accounts, batch_id.  Returns: account, plan_number.
INSERT INTO open_plan (account, plan_number, batch_id)
SELECT unnest(%(accounts)s::text[]), nextval('plan_number'), %(batch_id)s
ON CONFLICT (account) DO UPDATE
    SET batch_id = excluded.batch_id, unknown_attempts = 0, parked_at = NULL, parked_because = NULL
RETURNING account, plan_number;
