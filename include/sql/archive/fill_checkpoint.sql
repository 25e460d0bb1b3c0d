-- archive/fill_checkpoint.sql
-- What is left of a month that is deleted: for each account that had a request in it, what Tucano was known to have at
-- the last of them, and since when. It is a row of the log like others, with that request's place in the order, so that
-- everything that folds the log goes on from it.  Params: closed_from, closed_to.  Into: landing.
WITH touched AS (
    SELECT DISTINCT ON (account) account, log_number, sequence_number, batch_id, subscription_number, closed_at
    FROM request_archive WHERE closed_at >= %(closed_from)s AND closed_at < %(closed_to)s
    ORDER BY account, log_number DESC
), reset AS (
    SELECT t.account, max(s.log_number) AS log_number
    FROM touched t JOIN logged_reset s ON s.account = t.account AND s.log_number <= t.log_number GROUP BY t.account
), effect AS (
    SELECT e.account, e.thing, e.value, e.log_number, e.acknowledged_at
    FROM touched t JOIN logged_effect e ON e.account = t.account AND e.log_number <= t.log_number
    LEFT JOIN reset s ON s.account = t.account
    WHERE e.log_number >= coalesce(s.log_number, 0)
), gone AS (
    SELECT account, thing, max(log_number) AS log_number FROM effect WHERE value IS NULL GROUP BY account, thing
), held AS (
    SELECT e.account, e.thing, (array_agg(e.value ORDER BY e.log_number DESC))[1] AS value, min(e.acknowledged_at) AS since
    FROM effect e LEFT JOIN gone g USING (account, thing)
    WHERE e.value IS NOT NULL AND e.thing <> 'A' AND e.log_number > coalesce(g.log_number, 0)
    GROUP BY e.account, e.thing
), element AS (
    SELECT account, thing || CASE WHEN thing LIKE 'M:%%' THEN ':' || value ELSE '' END AS element, since FROM held
    UNION ALL
    SELECT account, 'A', min(acknowledged_at) FROM effect GROUP BY account
), state AS (
    SELECT t.account, bool_or(e.element = 'A') IS TRUE AS account_exists,
           coalesce(jsonb_agg(substr(e.element, 3) ORDER BY e.element COLLATE "C") FILTER (WHERE e.element LIKE 'O:%%'), '[]')
               AS options,
           coalesce(jsonb_agg(substr(e.element, 3) ORDER BY e.element COLLATE "C") FILTER (WHERE e.element LIKE 'M:%%'), '[]')
               AS materials,
           coalesce(jsonb_object_agg(e.element, e.since) FILTER (WHERE e.element IS NOT NULL), '{}') AS since
    FROM touched t LEFT JOIN element e USING (account)
    GROUP BY t.account
)
INSERT INTO landing (log_number, sequence_number, request_number, batch_id, subscription_number, account, command,
    parameters, state, already, caused_by, planned_at, closed_at, attempts)
SELECT t.log_number, t.sequence_number, 'CHECKPOINT', t.batch_id, t.subscription_number, t.account, 'CHECKPOINT',
       jsonb_build_object('account_exists', s.account_exists, 'options', s.options, 'materials', s.materials,
                          'since', s.since),
       'COMPLETED', false, 'archive', t.closed_at, t.closed_at, 0
FROM touched t JOIN state s USING (account);
