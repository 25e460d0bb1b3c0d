-- archive/digest_folded_things.sql
-- The options and materials that Tucano is known to have, folded from all closed requests, hot and cold.
-- Returns: things that are there, their digest (free of order).
-- archive/digest_known_state.sql gives the same of known_state; where they differ, list_fold_differences.sql finds the
-- accounts. A thing is a 64-bit hash; its last word is one bigint: the log's number, 23 bits of the value, and whether
-- it is there, so that the largest is the last. Text keys take three times as long.
WITH reset AS (
    SELECT account, max(log_number) AS log_number FROM logged_reset GROUP BY account
), last AS (
    SELECT hashtextextended(e.thing, hashtextextended(e.account, 0)) AS thing,
           max((e.log_number << 24) | CASE WHEN e.value IS NULL THEN 0
                                           ELSE ((hashtext(e.value) & 8388607) << 1) | 1 END) AS word
    FROM logged_effect e LEFT JOIN reset s ON s.account = e.account
    WHERE e.log_number >= coalesce(s.log_number, 0) AND e.command <> 'CREATE_ACCOUNT' AND e.thing <> 'A'
    GROUP BY 1
)
SELECT count(*), coalesce(sum(hashint8extended(word & 16777215, thing)), 0) FROM last WHERE word & 1 = 1;
