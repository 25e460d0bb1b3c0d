-- real_time/settle_actions.sql
-- Close the actions whose accounts have all ended in their batch.
-- Params: batch_ids, again_after (interval: when a silence of Tucano is asked about again).
-- Returns: subscription_number of those done.
-- Refused by Tucano or by a rule: looked at again with the next action, the night, or by a person.
WITH ended AS (
    SELECT a.transaction_reference,
           bool_or(i.outcome = 'PARKED') AS silent,
           bool_or(i.outcome IN ('PARKED', 'REJECTED', 'ROW_REJECTED')) AS parked,
           coalesce(string_agg(i.explanation, '; ' ORDER BY i.account COLLATE "C"), 'see batch_item') AS explanation,
           bool_or(i.explanation IS NOT NULL) AS explained
    FROM action_inbox a JOIN batch_item i ON i.batch_id = a.batch_id AND i.account = ANY(a.accounts)
    WHERE a.batch_id = ANY(%(batch_ids)s::bigint[]) AND a.state = 'WAITING'
    GROUP BY a.transaction_reference, a.accounts
    HAVING count(i.outcome) = cardinality(a.accounts)
), closed AS (
    UPDATE action_inbox a
    SET state = CASE WHEN e.parked THEN 'PARKED' ELSE 'DONE' END,
        reason = CASE WHEN e.parked OR e.explained THEN e.explanation END,
        due_at = CASE WHEN e.silent THEN clock_timestamp() + %(again_after)s END,
        taken_by = NULL, finished_at = clock_timestamp()
    FROM ended e WHERE a.transaction_reference = e.transaction_reference
    RETURNING a.subscription_number, a.state
)
SELECT subscription_number FROM closed WHERE state = 'DONE';
