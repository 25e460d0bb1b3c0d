-- batch/count_newly_gone.sql
-- Served accounts that are gone from the CRM, and were not when the extract was whole the last time.
-- Params: batch_id.  Returns: count.
SELECT count(*) FROM rejected_row r
WHERE r.batch_id = %(batch_id)s AND r.reason = 'GONE_FROM_CRM'
  AND NOT EXISTS (
      SELECT FROM rejected_row before
      WHERE before.reason = 'GONE_FROM_CRM' AND before.account = r.account
        AND before.batch_id = (SELECT max(w.batch_id) FROM batch w
                               WHERE w.batch_id < r.batch_id AND w.extract_whole AND NOT w.filtered));
