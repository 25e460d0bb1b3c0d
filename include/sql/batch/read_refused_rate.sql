-- batch/read_refused_rate.sql
-- The rate that the platform refused last, where it did so since a batch was opened.  Params: batch_id.
-- Returns: requests a second; no row where it refused none.
SELECT s.refused_rate
FROM batch b
JOIN provider_version v ON v.hash = b.provider_hash
JOIN sending_rate s ON s.provider = v.alternative_code
WHERE b.batch_id = %(batch_id)s AND s.refused_at >= b.opened_at;
