-- pages/read_open_plan.sql
-- Does an account have a plan that is not done?  Params: account.
-- Returns: batch_id, unknown_attempts, parked_at, parked_because; no row where it has none.
SELECT batch_id, unknown_attempts, parked_at, parked_because FROM open_plan WHERE account = %(account)s;
