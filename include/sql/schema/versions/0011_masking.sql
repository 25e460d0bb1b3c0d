-- What Tucano says in free text may quote a person, also of a request that bore no name. Whoever may read the log itself
-- reads it; for everybody else it is masked, and the code says what went wrong. Runs as provisioning_owner.

-- What is said about a request, as the reader may see it. Of CREATE_ACCOUNT nothing; of one that was never sent our own
-- words. In the reader's name, since a view's functions run so; the log is meant by its number, not by a name that a
-- reader's temporary table could have.
CREATE FUNCTION masked_description(said text, command text, sent_at timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN said IS NULL THEN NULL
                WHEN command = 'CREATE_ACCOUNT' THEN '***'
                WHEN sent_at IS NULL OR has_table_privilege('public.request_log'::regclass, 'SELECT') THEN said
                ELSE '***' END;

CREATE OR REPLACE VIEW request_history AS
SELECT request_number, batch_id, subscription_number, account, sequence_number, command, distributor,
       masked(parameters) AS parameters, state, error_code,
       masked_description(error_description, command, sent_at) AS error_description,
       reference_number, caused_by, planned_at, sent_at, closed_at, attempts, 'hot'::text AS tier
FROM request_log
WHERE command <> 'CHECKPOINT'
UNION ALL
SELECT request_number, batch_id, subscription_number, account, sequence_number, command, distributor,
       masked(parameters), state, error_code, masked_description(error_description, command, sent_at),
       reference_number, caused_by, planned_at, sent_at, closed_at, attempts, 'cold'
FROM request_archive
WHERE command <> 'CHECKPOINT'
UNION ALL
SELECT request_number, batch_id, subscription_number, account, sequence_number, command, distributor,
       masked(parameters), state, NULL, last_failure, NULL, caused_by, planned_at, sent_at, NULL, attempts, 'open'
FROM open_request;
