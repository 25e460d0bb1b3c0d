-- request_log/put_in_question.sql
-- Write down which options of each account nobody knows the state of; none: all are answered.
-- Params: accounts, in_question (parallel arrays; the latter of texts joined by commas).  Returns: nothing.
UPDATE open_plan p SET in_question = string_to_array(q.options, ',')
FROM unnest(%(accounts)s::text[], %(in_question)s::text[]) AS q (account, options)
WHERE p.account = q.account;
