-- batch/count_newly_gone.sql
-- Served accounts that are gone from the CRM, and were not when the extract was whole the last time.
-- Params: batch_id.  Returns: count.
-- What a batch after that one gave was not in it: an account under a wrong name goes when the mistake is mended.
WITH last_whole AS (
    SELECT max(batch_id) AS batch_id FROM batch
    WHERE batch_id < %(batch_id)s AND extract_whole AND NOT filtered AND landed_accounts IS NOT NULL
)
SELECT count(*) FROM rejected_row r CROSS JOIN last_whole w
WHERE r.batch_id = %(batch_id)s AND r.reason = 'GONE_FROM_CRM'
  AND NOT EXISTS (SELECT FROM rejected_row before
                  WHERE before.batch_id = w.batch_id AND before.account = r.account AND before.reason = r.reason)
  AND NOT EXISTS (SELECT FROM batch_item i WHERE i.batch_id > w.batch_id AND i.account = r.account);
