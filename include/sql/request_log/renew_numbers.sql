-- request_log/renew_numbers.sql
-- Draw no request number any more that Tucano may have seen.  Params: beyond.  Returns: the first new number.
-- The function deletes plans without an open request; one that has a question open is put back: it has no number to be
-- renewed. What is kept is seen by this statement as it was before the function ran.
WITH kept AS MATERIALIZED (
    SELECT p.account, p.plan_number, p.batch_id, p.in_question FROM open_plan p WHERE p.in_question <> '{}'
), renewed AS MATERIALIZED (
    SELECT renew_request_numbers(%(beyond)s) AS first_number
), put_back AS (
    INSERT INTO open_plan (account, plan_number, batch_id, in_question)
    SELECT k.account, k.plan_number, k.batch_id, k.in_question FROM renewed CROSS JOIN kept k
    ON CONFLICT (account) DO NOTHING
)
SELECT first_number FROM renewed;
