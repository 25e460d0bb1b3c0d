-- archive/digest_fold.sql
-- What Tucano is known to have, folded from all closed requests, hot and cold, as numbers free of order.
-- Returns: accounts that exist, their digest, options and materials that are there, their digest.
-- archive/digest_known_state.sql gives the same of known_state; where they differ, list_fold_differences.sql finds the
-- accounts. A thing is a 64-bit hash; its last word is one bigint: the log's number, 23 bits of the value, and whether
-- it is there, so that the largest is the last. Text keys take three times as long.
WITH reset AS (
    SELECT account, max(log_number) AS log_number FROM logged_reset GROUP BY account
), existing AS (
    SELECT hashtextextended(r.account, 0) AS account
    FROM logged_request r LEFT JOIN reset s ON s.account = r.account
    WHERE r.state = 'COMPLETED' AND r.log_number >= coalesce(s.log_number, 0)
      AND (r.command NOT IN ('IMPORT', 'CHECKPOINT') OR (r.parameters ->> 'account_exists')::boolean)
    GROUP BY 1
), last AS (
    SELECT hashtextextended(e.thing, hashtextextended(e.account, 0)) AS thing,
           max((e.log_number << 24) | CASE WHEN e.value IS NULL THEN 0
                                           ELSE ((hashtext(e.value) & 8388607) << 1) | 1 END) AS word
    FROM logged_effect e LEFT JOIN reset s ON s.account = e.account
    WHERE e.log_number >= coalesce(s.log_number, 0) AND e.command <> 'CREATE_ACCOUNT' AND e.thing <> 'A'
    GROUP BY 1
)
SELECT a.accounts, a.digest, t.things, t.digest
FROM (SELECT count(*) AS accounts, coalesce(sum(account), 0) AS digest FROM existing) a,
     (SELECT count(*) AS things, coalesce(sum(hashint8extended(word & 16777215, thing)), 0) AS digest
      FROM last WHERE word & 1 = 1) t;
