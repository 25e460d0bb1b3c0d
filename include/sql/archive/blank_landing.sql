-- archive/blank_landing.sql
-- Take personal data out of what was read back from a file.  Params: accounts.
UPDATE landing
SET body = CASE WHEN command <> 'CREATE_ACCOUNT' THEN body END, response = NULL, error_description = NULL
WHERE account = ANY(%(accounts)s)
  AND (response IS NOT NULL OR error_description IS NOT NULL OR (command = 'CREATE_ACCOUNT' AND body IS NOT NULL));
