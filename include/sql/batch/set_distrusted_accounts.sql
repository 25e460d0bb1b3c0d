-- batch/set_distrusted_accounts.sql
-- Record how many accounts a batch distrusted.  Params: batch_id, accounts.
UPDATE batch SET distrusted_accounts = %(accounts)s WHERE batch_id = %(batch_id)s;
