-- known_state/fold_log.sql
-- What the closed requests, hot, cold and as checkpoints, add up to, beside what known_state says, where they differ.
-- Params: accounts (NULL: all).
-- Returns: account, folded exists, options, materials; known exists, options, materials; for each account that differs.
WITH reset AS (
    SELECT account, max(log_number) AS log_number FROM logged_reset
    WHERE %(accounts)s::text[] IS NULL OR account = ANY(%(accounts)s::text[])
    GROUP BY account
), last AS (
    SELECT DISTINCT ON (e.account, e.thing) e.account, e.thing, e.value
    FROM logged_effect e LEFT JOIN reset s ON s.account = e.account
    WHERE (%(accounts)s::text[] IS NULL OR e.account = ANY(%(accounts)s::text[]))
      AND e.log_number >= coalesce(s.log_number, 0)
    ORDER BY e.account, e.thing, e.log_number DESC
), folded AS (
    SELECT account, true AS account_exists,
           coalesce(array_agg(substr(thing, 3) ORDER BY substr(thing, 3) COLLATE "C")
                    FILTER (WHERE thing LIKE 'O:%%' AND value IS NOT NULL), '{}') AS options,
           coalesce(array_agg(substr(thing, 3) || ':' || value ORDER BY substr(thing, 3) || ':' || value COLLATE "C")
                    FILTER (WHERE thing LIKE 'M:%%' AND value IS NOT NULL), '{}') AS materials
    FROM last GROUP BY account
), known AS (
    SELECT account, account_exists, options, materials FROM known_state
    WHERE %(accounts)s::text[] IS NULL OR account = ANY(%(accounts)s::text[])
)
SELECT coalesce(f.account, k.account) AS account,
       coalesce(f.account_exists, false), coalesce(f.options, '{}'), coalesce(f.materials, '{}'),
       coalesce(k.account_exists, false), coalesce(k.options, '{}'), coalesce(k.materials, '{}')
FROM folded f FULL JOIN known k ON k.account = f.account
WHERE coalesce(f.account_exists, false) <> coalesce(k.account_exists, false)
   OR coalesce(f.options, '{}') <> coalesce(k.options, '{}') OR coalesce(f.materials, '{}') <> coalesce(k.materials, '{}')
ORDER BY 1;
