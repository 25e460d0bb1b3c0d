-- pages/count_rejected_rows.sql
-- Why a batch could not use rows of the CRM.  Params: batch_id.  Returns: reason, rows.
SELECT reason, count(*) FROM rejected_row WHERE batch_id = %(batch_id)s GROUP BY 1 ORDER BY 2 DESC;
