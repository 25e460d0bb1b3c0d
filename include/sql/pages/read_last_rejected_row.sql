-- pages/read_last_rejected_row.sql
-- When did a run last reject the CRM's row of a subscription, or list its account as gone?
-- Params: subscription_number, account.  Returns: batch_id, opened_at, reason, explanation; no row for never.
SELECT batch_id, batch.opened_at, rejected.reason, rejected.explanation
FROM rejected_row AS rejected
JOIN batch USING (batch_id)
WHERE rejected.subscription_number = %(subscription_number)s OR rejected.account = %(account)s
ORDER BY batch_id DESC
LIMIT 1;
