-- archive/blank_cold_month.sql
-- Take personal data out of the cold requests of accounts: the body of CREATE_ACCOUNT, and what Tucano said in free text.
-- Params: accounts, closed_from, closed_to.
UPDATE request_archive
SET body = CASE WHEN command <> 'CREATE_ACCOUNT' THEN body END, response = NULL, error_description = NULL
WHERE account = ANY(%(accounts)s) AND closed_at >= %(closed_from)s AND closed_at < %(closed_to)s
  AND (response IS NOT NULL OR error_description IS NOT NULL OR (command = 'CREATE_ACCOUNT' AND body IS NOT NULL));
