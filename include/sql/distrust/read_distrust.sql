-- distrust/read_distrust.sql
-- Params: accounts.  Returns: account, account_asked, options, materials (packed, sorted), batch_id.
SELECT account, account_asked, options, materials, batch_id FROM distrust WHERE account = ANY(%(accounts)s);
