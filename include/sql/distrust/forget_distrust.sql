-- distrust/forget_distrust.sql
-- Trust accounts again.  Params: accounts.  Returns: nothing.
DELETE FROM distrust WHERE account = ANY(%(accounts)s);
