-- archive/digest_folded_accounts.sql
-- The accounts that exist in Tucano as all closed requests, hot and cold, tell it: those of which one was acknowledged
-- since they were last lost.  Returns: accounts, their digest (free of order).
WITH reset AS (
    SELECT hashtextextended(account, 0) AS account, max(log_number) AS log_number FROM logged_reset GROUP BY 1
), acknowledged AS (
    SELECT hashtextextended(account, 0) AS account, max(log_number) AS log_number
    FROM logged_request
    WHERE state = 'COMPLETED'
      AND (command NOT IN ('IMPORT', 'CHECKPOINT') OR (parameters ->> 'account_exists')::boolean)
    GROUP BY 1
)
SELECT count(*), coalesce(sum(a.account), 0)
FROM acknowledged a LEFT JOIN reset s ON s.account = a.account
WHERE a.log_number >= coalesce(s.log_number, 0);
