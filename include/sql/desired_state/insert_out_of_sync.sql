-- desired_state/insert_out_of_sync.sql
-- Make one item of the batch for each account that is out of sync.
-- Params: batch_id, by_fingerprint.  Returns: nothing.  A second copy of the task finds its items there.
INSERT INTO batch_item (batch_id, account, subscription_numbers)
SELECT %(batch_id)s, account, subscription_numbers FROM out_of_sync(%(batch_id)s, %(by_fingerprint)s)
ON CONFLICT (batch_id, account) DO NOTHING;
