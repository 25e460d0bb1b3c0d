-- archive/digest_fold.sql
-- What Tucano is known to have, folded from all closed requests, hot and cold, as numbers free of order.
-- Returns: accounts that exist, their digest, options and materials, their digest.
-- archive/digest_known_state.sql gives the same numbers of known_state; where they differ list_fold_differences.sql
-- finds the accounts. A thing is a 64-bit hash; its last word is one bigint: the log's number, 15 bits of the value, and
-- whether it is there, so that the largest is the last. Text keys take three times as long.
WITH reset AS (
    SELECT hashtextextended(account, 0) AS account, max(log_number) AS log_number FROM logged_reset GROUP BY 1
), last AS (
    SELECT hashtextextended(account, 0) AS account, hashtextextended(thing, hashtextextended(account, 0)) AS thing,
           max((log_number << 16) | CASE WHEN value IS NULL THEN 0 ELSE ((hashtext(value) & 32767) << 1) | 1 END) AS word
    FROM logged_effect
    GROUP BY 1, 2
), by_account AS (
    SELECT l.account, count(*) FILTER (WHERE l.word & 1 = 1) AS things,
           sum(hashint8extended(l.word & 65535, l.thing)) FILTER (WHERE l.word & 1 = 1) AS digest
    FROM last l LEFT JOIN reset s USING (account)
    WHERE l.word >> 16 >= coalesce(s.log_number, 0)
    GROUP BY l.account
)
SELECT count(*), coalesce(sum(account), 0), coalesce(sum(things), 0)::bigint, coalesce(sum(digest), 0) FROM by_account;
