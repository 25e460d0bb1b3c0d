-- what_if/create_items.sql
-- As create_landing.sql, for the accounts that are found out of sync.  Returns: nothing.
CREATE TEMPORARY TABLE batch_item (LIKE public.batch_item INCLUDING ALL);
