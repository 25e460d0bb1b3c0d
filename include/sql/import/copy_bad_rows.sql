-- import/copy_bad_rows.sql
-- COPY of rows of an imported file that say nothing.
COPY rejected_row (batch_id, account, subscription_number, reason, explanation) FROM STDIN;
