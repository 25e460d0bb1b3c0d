-- desired_state/merge_accounts.sql
-- Fold the rows of accounts with several subscriptions into one row each: the union of what they want.
-- Params: batch_id.  Returns: nothing.  Run only where the extract has such accounts.
-- One grouped pass a column: a product of the unnested columns would grow with the account.
WITH several AS (
    SELECT account FROM desired_state WHERE batch_id = %(batch_id)s GROUP BY account HAVING count(*) > 1
), gone AS (
    DELETE FROM desired_state d USING several s WHERE d.account = s.account AND d.batch_id = %(batch_id)s
    RETURNING d.*
), merged AS (
    SELECT account, bool_or(understood) AS understood, bool_or(active) AS active FROM gone GROUP BY account
), numbers AS (
    SELECT account, array_agg(DISTINCT x COLLATE "C" ORDER BY x COLLATE "C") AS members
    FROM gone CROSS JOIN LATERAL unnest(subscription_numbers) AS x GROUP BY account
), options AS (
    SELECT account, array_agg(DISTINCT x COLLATE "C" ORDER BY x COLLATE "C") AS members
    FROM gone CROSS JOIN LATERAL unnest(options) AS x GROUP BY account
), materials AS (
    SELECT account, array_agg(DISTINCT x COLLATE "C" ORDER BY x COLLATE "C") AS members
    FROM gone CROSS JOIN LATERAL unnest(materials) AS x GROUP BY account
), kept AS (
    SELECT account, array_agg(DISTINCT x COLLATE "C" ORDER BY x COLLATE "C") AS members
    FROM gone CROSS JOIN LATERAL unnest(kept) AS x GROUP BY account
), withheld AS (
    SELECT account, array_agg(DISTINCT x COLLATE "C" ORDER BY x COLLATE "C") AS members
    FROM gone CROSS JOIN LATERAL unnest(withheld_because) AS x GROUP BY account
)
INSERT INTO desired_state (batch_id, account, subscription_numbers, understood, active, options, materials, kept,
    withheld_because)
SELECT %(batch_id)s, account, numbers.members, understood, active, coalesce(options.members, '{}'),
       coalesce(materials.members, '{}'), coalesce(kept.members, '{}'), coalesce(withheld.members, '{}')
FROM merged
JOIN numbers USING (account)
LEFT JOIN options USING (account)
LEFT JOIN materials USING (account)
LEFT JOIN kept USING (account)
LEFT JOIN withheld USING (account);
