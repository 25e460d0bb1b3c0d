-- batch/list_undone.sql
-- The accounts of a batch that did not get all that the CRM wants, with the reason.  Params: batch_id.
-- Returns: account, outcome (null where nobody came to it), explanation.
SELECT account, outcome, explanation FROM batch_item
WHERE batch_id = %(batch_id)s AND coalesce(outcome, '') NOT IN ('COMPLETED', 'IN_SYNC')
ORDER BY account COLLATE "C";
