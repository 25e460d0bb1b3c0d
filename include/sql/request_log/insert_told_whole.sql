-- request_log/insert_told_whole.sql
-- Log that the whole of accounts was told otherwise than by a request: by an import, or by a rebuild from the log
-- itself. The fold of an account begins anew at such an entry.
-- Params: batch_id, caused_by; parallel arrays accounts, subscription_numbers, parameters (jsonb).  Returns: nothing.
INSERT INTO request_log (sequence_number, request_number, batch_id, subscription_number, account, command, parameters,
    state, caused_by, planned_at, closed_at, attempts)
SELECT n.number, format('IMPORT-%%s', n.number), %(batch_id)s, t.subscription_number, t.account, 'IMPORT', t.parameters,
       'COMPLETED', %(caused_by)s, clock_timestamp(), clock_timestamp(), 0
FROM unnest(%(accounts)s::text[], %(subscription_numbers)s::text[], %(parameters)s::jsonb[])
     AS t (account, subscription_number, parameters)
CROSS JOIN LATERAL (SELECT nextval('request_sequence') AS number WHERE t.account IS NOT NULL) AS n;
