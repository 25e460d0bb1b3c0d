-- archive/digest_out_of_sync.sql
-- Which accounts are out of sync with the CRM as last landed, as numbers.  Returns: accounts, digest.
SELECT count(*), coalesce(sum(hashtextextended(o.account, 0)), 0)
FROM (SELECT max(batch_id) AS batch_id FROM desired_state) AS landed
CROSS JOIN LATERAL out_of_sync(landed.batch_id, true) AS o;
