-- batch/read_distrusted_accounts.sql
-- How many accounts did this batch distrust?  Params: batch_id.  Returns: count, NULL where it has not done so.
SELECT distrusted_accounts FROM batch WHERE batch_id = %(batch_id)s;
