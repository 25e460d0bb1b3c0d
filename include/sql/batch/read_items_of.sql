-- batch/read_items_of.sql
-- The items of a batch for some accounts, whatever their chunk.  Params: batch_id, accounts.
-- Returns: account, subscription_numbers, allowed_removals.
SELECT account, subscription_numbers, allowed_removals FROM batch_item
WHERE batch_id = %(batch_id)s AND account = ANY(%(accounts)s);
