-- real_time/settle_by_batch.sql
-- What was parked is settled when a later batch found or left all its accounts in step.
-- Params: batch_id.  Returns: nothing.
-- In step without an item: the batch's whole extract has the account, and it was not out of sync.
WITH parked AS (
    SELECT a.transaction_reference, concerned.account
    FROM action_inbox a JOIN batch b ON b.batch_id = %(batch_id)s AND a.finished_at < b.opened_at
    CROSS JOIN LATERAL unnest(a.accounts) AS concerned (account)
    WHERE a.state = 'PARKED'
), judged AS (
    SELECT p.transaction_reference,
           bool_and(CASE WHEN i.account IS NULL THEN d.account IS NOT NULL
                    ELSE coalesce(i.outcome IN ('COMPLETED', 'IN_SYNC'), false) END) AS in_step
    FROM parked p
    LEFT JOIN batch_item i ON i.batch_id = %(batch_id)s AND i.account = p.account
    LEFT JOIN desired_state d ON d.batch_id = %(batch_id)s AND d.understood AND d.account = p.account
    GROUP BY p.transaction_reference
)
UPDATE action_inbox a
SET state = 'DONE', due_at = NULL, reason = format('settled by batch %%s; before: %%s', %(batch_id)s, a.reason)
FROM judged j WHERE j.in_step AND a.transaction_reference = j.transaction_reference AND a.state = 'PARKED';
