-- archive/digest_out_of_sync.sql
-- Which accounts are out of sync with the CRM as last landed, as numbers.
-- Returns: accounts, digest, landing (another number after another landing: it truncates, which no snapshot hides).
SELECT count(*), coalesce(sum(hashtextextended(o.account, 0)), 0), pg_relation_filenode('desired_state')::bigint
FROM (SELECT max(batch_id) AS batch_id FROM desired_state) AS landed
CROSS JOIN LATERAL out_of_sync(landed.batch_id, true) AS o;
