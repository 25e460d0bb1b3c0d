-- pages/list_provider_versions.sql
-- Every version of the provider file that a run used, the newest first.  Params: limit.
-- Returns: hash, name, state, first_loaded_at, document, batches, last_batch_id, last_used_at.
SELECT version.hash, version.name, version.state, version.first_loaded_at, version.document, used.batches,
       used.last_batch_id, used.last_used_at
FROM (SELECT hash, name, state, first_loaded_at, document FROM provider_version ORDER BY first_loaded_at DESC LIMIT %(limit)s) AS version
LEFT JOIN (
    SELECT provider_hash AS hash, count(*) AS batches, max(batch_id) AS last_batch_id, max(opened_at) AS last_used_at
    FROM batch
    GROUP BY provider_hash
) AS used USING (hash)
ORDER BY version.first_loaded_at DESC;
