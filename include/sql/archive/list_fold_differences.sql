-- archive/list_fold_differences.sql
-- Accounts whose known state is not what their closed requests, hot and cold, add up to. Empty, or something is wrong.
-- Returns: account, the things the log says and known_state does not, and the other way round; at most 20 accounts.
WITH reset AS (
    SELECT account, max(log_number) AS log_number FROM logged_reset GROUP BY account
), last AS (
    SELECT DISTINCT ON (e.account, e.thing) e.account, e.thing, e.value
    FROM logged_effect e LEFT JOIN reset s ON s.account = e.account
    WHERE e.log_number >= coalesce(s.log_number, 0)
    ORDER BY e.account, e.thing, e.log_number DESC
), folded AS (
    SELECT DISTINCT account, 'A' AS thing FROM last
    UNION ALL
    SELECT account, CASE WHEN thing LIKE 'M:%%' THEN thing || ':' || value ELSE thing END FROM last
    WHERE value IS NOT NULL AND thing <> 'A'
), known AS (
    SELECT account, 'A' AS thing FROM known_state WHERE account_exists
    UNION ALL SELECT account, 'O:' || one FROM known_state CROSS JOIN LATERAL unnest(options) AS one
    UNION ALL SELECT account, 'M:' || one FROM known_state CROSS JOIN LATERAL unnest(materials) AS one
), different AS (
    SELECT account, thing, true AS folded FROM (TABLE folded EXCEPT TABLE known) AS f
    UNION ALL
    SELECT account, thing, false FROM (TABLE known EXCEPT TABLE folded) AS k
)
SELECT account, array_agg(thing ORDER BY thing) FILTER (WHERE folded), array_agg(thing ORDER BY thing) FILTER (WHERE NOT folded)
FROM different GROUP BY account ORDER BY account LIMIT 20;
