-- pages/read_last_item.sql
-- How did the last run that was to send end for an account?  Params: account.
-- Returns: batch_id, opened_at, outcome, explanation, withheld_because; no row where no run had it.
SELECT batch_id, batch.opened_at, item.outcome, item.explanation, item.withheld_because
FROM batch_item AS item
JOIN batch USING (batch_id)
WHERE item.account = %(account)s AND NOT batch.dry_run
ORDER BY batch_id DESC
LIMIT 1;
