-- batch/copy_rejected_rows.sql
-- COPY of rows that could not be used, each with its reason.
COPY rejected_row (batch_id, account, subscription_number, reason, explanation) FROM STDIN;
