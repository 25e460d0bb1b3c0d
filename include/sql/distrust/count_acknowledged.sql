-- distrust/count_acknowledged.sql
-- How many accounts would be distrusted?  Params: batch_id, since.  Returns: count.
SELECT count(*)
FROM batch b CROSS JOIN LATERAL acknowledged_after(%(since)s, b.opened_at) a
WHERE b.batch_id = %(batch_id)s;
