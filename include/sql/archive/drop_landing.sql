-- archive/drop_landing.sql
-- Forget what was landed in this transaction.
DROP TABLE landing;
