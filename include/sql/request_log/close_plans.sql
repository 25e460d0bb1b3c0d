-- request_log/close_plans.sql
-- Close the plans of accounts that have no open request and no open question left.  Params: accounts.  Returns: nothing.
DELETE FROM open_plan p
WHERE p.account = ANY(%(accounts)s) AND p.in_question = '{}'
  AND NOT EXISTS (SELECT FROM open_request r WHERE r.account = p.account);
