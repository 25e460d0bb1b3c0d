-- what_if/drop_items.sql
-- As drop_landing.sql, for the items.  Returns: nothing.
DROP TABLE pg_temp.batch_item;
