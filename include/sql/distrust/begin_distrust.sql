-- distrust/begin_distrust.sql
-- Distrust what was acknowledged after a time and before a batch was opened.
-- Params: batch_id, since.  Returns: nothing; its row count is the number of accounts.
INSERT INTO distrust (account, account_asked, options, materials, since, batch_id)
SELECT a.account, a.account_asked, a.options, a.materials, %(since)s, b.batch_id
FROM batch b CROSS JOIN LATERAL acknowledged_after(%(since)s, b.opened_at) a
WHERE b.batch_id = %(batch_id)s
ON CONFLICT (account) DO UPDATE
    SET account_asked = distrust.account_asked OR excluded.account_asked,
        options = merged_sets(distrust.options, excluded.options),
        materials = merged_sets(distrust.materials, excluded.materials),
        since = least(distrust.since, excluded.since), batch_id = excluded.batch_id;
