-- archive/digest_known_state.sql
-- known_state in the numbers of archive/digest_folded_accounts.sql and digest_folded_things.sql.
-- Returns: accounts that exist, their digest, options and materials that are there, their digest.
WITH existing AS (
    SELECT hashtextextended(account, 0) AS account, options, materials FROM known_state WHERE account_exists
), thing AS (
    SELECT hashint8extended(((hashtext('') & 8388607) << 1 | 1)::bigint, hashtextextended('O:' || one, account)) AS digest
    FROM existing CROSS JOIN LATERAL unnest(options) AS one
    UNION ALL
    SELECT hashint8extended(((hashtext(split_part(one, ':', 3)) & 8388607) << 1 | 1)::bigint,
                            hashtextextended('M:' || split_part(one, ':', 1) || ':' || split_part(one, ':', 2), account))
    FROM existing CROSS JOIN LATERAL unnest(materials) AS one
)
SELECT a.accounts, a.digest, t.things, t.digest
FROM (SELECT count(*) AS accounts, coalesce(sum(account), 0) AS digest FROM existing) a,
     (SELECT count(*) AS things, coalesce(sum(digest), 0) AS digest FROM thing) t;
