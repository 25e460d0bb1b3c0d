-- The archive of the request log: whole months move to request_archive as metadata (docs/archive.md says how).
-- Runs as provisioning_owner. What archivist owns he may move; what he may not change stays with the owner.

-- Closed requests of past months, like the log in every column, check and index: a partition of one is a partition
-- of the other. No default partition: attaching would have to scan it.
CREATE TABLE request_archive (LIKE request_log INCLUDING CONSTRAINTS INCLUDING COMMENTS) PARTITION BY RANGE (closed_at);
ALTER TABLE request_archive ADD PRIMARY KEY (log_number, closed_at);
CREATE INDEX request_archive_subscription ON request_archive (subscription_number, log_number);
CREATE INDEX request_archive_account ON request_archive (account, log_number);
CREATE INDEX request_archive_batch ON request_archive (batch_id, state);
-- The few rows at which an account's story begins anew; the view logged_reset has the same condition.
CREATE INDEX request_archive_reset ON request_archive (account, log_number)
    WHERE (state = 'REJECTED' AND error_code = 'UNKNOWN_ACCOUNT' AND command <> 'CREATE_ACCOUNT')
       OR command IN ('IMPORT', 'CHECKPOINT');
CREATE INDEX request_log_reset ON request_log (account, log_number)
    WHERE (state = 'REJECTED' AND error_code = 'UNKNOWN_ACCOUNT' AND command <> 'CREATE_ACCOUNT')
       OR command IN ('IMPORT', 'CHECKPOINT');
ALTER TABLE request_archive OWNER TO archivist;

-- What was done to each month, in order, never rewritten: the owner keeps the table, archivist may add a row and
-- complete it. checksum is sum(hash_record_extended(row, 0)), free of order; with the count it names the content.
-- The chain of a month: each row's *_before is the row before's *_after.
CREATE TABLE archive_manifest (
    manifest_number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    month            date NOT NULL CHECK (month = date_trunc('month', month::timestamp)),
    operation        text NOT NULL CHECK (operation IN ('ARCHIVE', 'EXPORT', 'DELETE', 'IMPORT', 'FORGET')),
    tier             text NOT NULL CHECK (tier IN ('hot', 'cold', 'deleted')),
    closed_from      timestamptz NOT NULL,
    closed_to        timestamptz NOT NULL CHECK (closed_to > closed_from),
    first_log_number bigint,
    last_log_number  bigint,
    rows_before      bigint NOT NULL CHECK (rows_before >= 0),
    checksum_before  numeric NOT NULL,
    rows_after       bigint CHECK (rows_after >= 0),
    checksum_after   numeric,
    bytes            bigint NOT NULL CHECK (bytes >= 0),
    proof_before     jsonb,
    proof_after      jsonb,
    file             text,
    file_sha256      text CHECK (file_sha256 ~ '^[0-9a-f]{64}$'),
    file_rows        bigint,
    file_checksum    numeric,
    performed_by     text NOT NULL,
    run_id           text NOT NULL,
    reason           text,
    performed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    seconds          double precision CHECK (seconds >= 0),
    verified_at      timestamptz,
    CHECK ((file IS NULL) = (file_sha256 IS NULL) AND (file IS NULL) = (file_checksum IS NULL)),
    CHECK ((verified_at IS NULL) = (rows_after IS NULL) AND (rows_after IS NULL) = (checksum_after IS NULL))
);
CREATE INDEX archive_manifest_month ON archive_manifest (month, manifest_number);
COMMENT ON COLUMN archive_manifest.tier IS 'Where the rows of the month are after this operation.';
COMMENT ON COLUMN archive_manifest.verified_at IS
    'NULL: done, and the look back at it is still to come; the next run of any archive task takes it.';
COMMENT ON COLUMN archive_manifest.proof_before IS
    'Counts and digests of the folded log, of known_state and of the out-of-sync accounts, in the snapshot of the move.';

-- Hot and cold as one: every closed request that this database has.
CREATE VIEW logged_request AS
SELECT log_number, sequence_number, request_number, batch_id, subscription_number, account, command, distributor,
       parameters, state, already, error_code, error_description, reference_number, caused_by, planned_at, sent_at,
       closed_at, attempts
FROM request_log
UNION ALL
SELECT log_number, sequence_number, request_number, batch_id, subscription_number, account, command, distributor,
       parameters, state, already, error_code, error_description, reference_number, caused_by, planned_at, sent_at,
       closed_at, attempts
FROM request_archive;

-- Where the story of an account begins anew: Tucano did not know it (decision 9), or the whole of it was told. What was
-- logged before counts no more.
CREATE VIEW logged_reset AS
SELECT account, log_number, closed_at
FROM logged_request
WHERE (state = 'REJECTED' AND error_code = 'UNKNOWN_ACCOUNT' AND command <> 'CREATE_ACCOUNT')
   OR command IN ('IMPORT', 'CHECKPOINT');

-- What each acknowledgement did to what Tucano is known to have; core/plan.apply is its twin, held to it by a test.
-- thing: 'O:distributor:option', 'M:distributor:serial number', or 'A', the account, which each of the others implies.
-- value: NULL where the thing is gone, a material's type, else ''.
-- The list of options is read from its text, since no code may hold a comma, quote, blank or bracket
-- (tucano-api.yaml): a call of a JSON function for each row takes twice as long, and hinders a parallel scan.
CREATE VIEW logged_effect AS
SELECT account, log_number, closed_at, command,
       CASE WHEN since IS NULL THEN closed_at ELSE coalesce((since ->> element)::timestamptz, closed_at) END
           AS acknowledged_at,
       CASE kind WHEN 'O' THEN 'O:' || distributor || ':' || element
                 WHEN 'M' THEN 'M:' || distributor || ':' || element
                 ELSE CASE WHEN element LIKE 'M:%' THEN substring(element FROM '^M:[^:]*:[^:]*') ELSE element END
       END AS thing,
       CASE WHEN gone THEN NULL
            WHEN kind IS NULL AND element LIKE 'M:%' THEN split_part(element, ':', 4)
            ELSE coalesce(material_type, '') END AS value
FROM (SELECT account, log_number, closed_at, command, distributor,
             CASE command WHEN 'ACTIVATE_OPTIONS' THEN 'O' WHEN 'SUSPEND_OPTIONS' THEN 'O'
                          WHEN 'ADD_MATERIAL' THEN 'M' WHEN 'REMOVE_MATERIAL' THEN 'M' END AS kind,
             command IN ('SUSPEND_OPTIONS', 'REMOVE_MATERIAL') AS gone,
             CASE WHEN command = 'ADD_MATERIAL' THEN parameters ->> 'material_type' END AS material_type,
             CASE WHEN command = 'CHECKPOINT' THEN parameters -> 'since' END AS since,
             unnest(CASE command
                 WHEN 'ACTIVATE_OPTIONS' THEN string_to_array(translate(parameters ->> 'options', '[]" ', ''), ',')
                 WHEN 'SUSPEND_OPTIONS' THEN string_to_array(translate(parameters ->> 'options', '[]" ', ''), ',')
                 WHEN 'CREATE_ACCOUNT' THEN ARRAY['A']
                 WHEN 'ADD_MATERIAL' THEN ARRAY[parameters ->> 'serial_number']
                 WHEN 'REMOVE_MATERIAL' THEN ARRAY[parameters ->> 'serial_number']
                 ELSE CASE WHEN (parameters ->> 'account_exists')::boolean THEN ARRAY['A'] ELSE '{}'::text[] END
                      || string_to_array(regexp_replace(translate(parameters ->> 'options', '[]" ', ''),
                                                        '[^,]+', 'O:\&', 'g'), ',')
                      || string_to_array(regexp_replace(translate(parameters ->> 'materials', '[]" ', ''),
                                                        '[^,]+', 'M:\&', 'g'), ',')
             END) AS element
      FROM logged_request
      WHERE state = 'COMPLETED') AS told;

-- What a partition is called is what moves it: request_log_2026_08 becomes request_archive_2026_08.
CREATE FUNCTION month_of(partition_name text) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN to_date(substring(partition_name FROM '_(\d{4}_\d{2})$'), 'YYYY_MM');

-- Rows that no month's partition took move to partitions made for them. Returns the months made, with their rows.
-- The cure that docs/operations.md names; a row whose month has a partition by now is moved into it.
CREATE FUNCTION rehome_stray_requests() RETURNS TABLE (month date, requests bigint)
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    name text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('make_partitions', 0));
    -- Nothing may be routed to the default partition between the move and the attaching.
    LOCK TABLE request_log IN ACCESS EXCLUSIVE MODE;
    FOR month IN SELECT DISTINCT date_trunc('month', closed_at AT TIME ZONE 'UTC')::date FROM request_log_default ORDER BY 1
    LOOP
        IF to_regclass(format('request_archive_%s', to_char(month, 'YYYY_MM'))) IS NOT NULL THEN
            RAISE EXCEPTION 'stray requests of %: that month is archived already', to_char(month, 'YYYY-MM')
                USING HINT = 'Their closing time is wrong, or a clock was: a person decides (docs/archive.md).';
        END IF;
        name := format('request_log_%s', to_char(month, 'YYYY_MM'));
        EXECUTE format('CREATE TABLE %I (LIKE request_log INCLUDING ALL)', name);
        EXECUTE format('WITH moved AS (DELETE FROM request_log_default WHERE closed_at >= %L AND closed_at < %L RETURNING *)
                        INSERT INTO %I SELECT * FROM moved',
            month::text || ' 00:00:00+00', (month + interval '1 month')::date::text || ' 00:00:00+00', name);
        GET DIAGNOSTICS requests = ROW_COUNT;
        EXECUTE format('ALTER TABLE request_log ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name,
            month::text || ' 00:00:00+00', (month + interval '1 month')::date::text || ' 00:00:00+00');
        RETURN NEXT;
    END LOOP;
END $$;
ALTER FUNCTION rehome_stray_requests() OWNER TO archivist;
REVOKE ALL ON FUNCTION rehome_stray_requests() FROM PUBLIC;

-- What people and data teams read: open, hot and cold as one, never a personal datum. parameters hold none by
-- construction; should that ever fail, it is masked here. What Tucano says about a name may quote it.
CREATE FUNCTION masked(parameters jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN parameters ?| ARRAY['name', 'email', 'phone', 'address']
           THEN parameters || (SELECT jsonb_object_agg(key, '***') FROM jsonb_object_keys(parameters) AS key
                               WHERE key = ANY (ARRAY['name', 'email', 'phone', 'address']))
           ELSE parameters END;

CREATE OR REPLACE VIEW request_history AS
SELECT request_number, batch_id, subscription_number, account, sequence_number, command, distributor,
       masked(parameters) AS parameters, state, error_code,
       CASE WHEN command = 'CREATE_ACCOUNT' AND error_description IS NOT NULL THEN '***' ELSE error_description END
           AS error_description,
       reference_number, caused_by, planned_at, sent_at, closed_at, attempts, 'hot'::text AS tier
FROM request_log
WHERE command <> 'CHECKPOINT'
UNION ALL
SELECT request_number, batch_id, subscription_number, account, sequence_number, command, distributor,
       masked(parameters), state, error_code,
       CASE WHEN command = 'CREATE_ACCOUNT' AND error_description IS NOT NULL THEN '***' ELSE error_description END,
       reference_number, caused_by, planned_at, sent_at, closed_at, attempts, 'cold'
FROM request_archive
WHERE command <> 'CHECKPOINT'
UNION ALL
SELECT request_number, batch_id, subscription_number, account, sequence_number, command, distributor,
       masked(parameters), state, NULL, last_failure, NULL, caused_by, planned_at, sent_at, NULL, attempts, 'open'
FROM open_request;

-- One row a day (UTC), command, outcome and error code.
CREATE VIEW daily_summary AS
SELECT (closed_at AT TIME ZONE 'UTC')::date AS day, command, state, coalesce(error_code, '') AS error_code,
       count(*) AS requests, count(DISTINCT subscription_number) AS subscriptions,
       count(*) FILTER (WHERE sent_at IS NULL) AS not_sent, sum(attempts) AS attempts,
       avg(extract(epoch FROM closed_at - planned_at)) AS mean_seconds_to_answer,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM closed_at - planned_at)) AS p95_seconds_to_answer
FROM request_history
WHERE closed_at IS NOT NULL
GROUP BY 1, 2, 3, 4;

-- Batches keep their counts when their requests are archived; of a deleted month the count at closing is what is left.
CREATE OR REPLACE VIEW batch_overview AS
SELECT b.batch_id, b.cause, b.run_id, b.requested_by, b.dry_run, b.filtered, b.stage, b.opened_at, b.closed_at,
       b.extracted_rows AS subscriptions, b.rejected_rows, b.extract_whole, b.not_whole_because, b.out_of_sync,
       coalesce(i.finished, 0) AS accounts_finished, coalesce(i.parked, 0) AS accounts_parked,
       greatest(l.completed, (b.counts ->> 'requests_completed')::bigint) AS requests_completed,
       greatest(l.rejected, (b.counts ->> 'requests_rejected')::bigint) AS requests_rejected,
       greatest(l.not_sent, (b.counts ->> 'requests_not_sent')::bigint) AS requests_not_sent,
       coalesce(o.pending, 0) AS requests_pending,
       coalesce(o.unknown, 0) AS requests_unknown, coalesce(h.held, 0) AS accounts_held,
       b.held_because, b.platform_down, b.failures, b.plan_hash, b.provider_hash, b.summary
FROM batch b
LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE outcome IS NOT NULL) AS finished,
                          count(*) FILTER (WHERE outcome = 'PARKED') AS parked
                   FROM batch_item WHERE batch_id = b.batch_id) i ON true
LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE state = 'COMPLETED') AS completed,
                          count(*) FILTER (WHERE state = 'REJECTED' AND sent_at IS NOT NULL) AS rejected,
                          count(*) FILTER (WHERE state = 'REJECTED' AND sent_at IS NULL) AS not_sent
                   FROM logged_request WHERE batch_id = b.batch_id AND command <> 'CHECKPOINT') l ON true
LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE state = 'PENDING') AS pending,
                          count(*) FILTER (WHERE state = 'UNKNOWN') AS unknown
                   FROM open_request WHERE batch_id = b.batch_id) o ON true
LEFT JOIN LATERAL (SELECT count(*) AS held FROM held_removal
                   WHERE batch_id = b.batch_id AND released_at IS NULL) h ON true;

-- What was Tucano known to have for a subscription at a time? One row a thing; kind ACCOUNT, OPTION or MATERIAL; code an
-- option or a serial number; since: acknowledged then, and without a break since. The state is the account's, to which
-- the subscription belongs. Fails where the answer lies in a month that was deleted, and names its file.
CREATE FUNCTION state_at(subscription_number text, at timestamptz)
    RETURNS TABLE (distributor text, kind text, code text, since timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    of_account text;
    missing record;
BEGIN
    IF at IS NULL OR state_at.subscription_number IS NULL THEN
        RAISE EXCEPTION 'state_at needs a subscription number and a time';
    END IF;
    SELECT r.account INTO of_account FROM logged_request r
    WHERE r.subscription_number = state_at.subscription_number
    ORDER BY r.closed_at <= at DESC, r.log_number DESC LIMIT 1;
    -- Where no request bore its number, the account is called like the subscription (decision 1).
    of_account := coalesce(of_account, state_at.subscription_number);

    -- Of a deleted month the state at the last request of each account is left, and nothing of before.
    SELECT to_char(c.closed_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month, m.file INTO missing
    FROM request_archive c
    LEFT JOIN LATERAL (SELECT a.file FROM archive_manifest a
                       WHERE a.month = date_trunc('month', c.closed_at AT TIME ZONE 'UTC')::date AND a.file IS NOT NULL
                       ORDER BY a.manifest_number DESC LIMIT 1) m ON true
    WHERE c.account = of_account AND c.command = 'CHECKPOINT' AND c.closed_at > at
      AND date_trunc('month', c.closed_at AT TIME ZONE 'UTC') <= at AT TIME ZONE 'UTC'
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the state of % at % lies in %, which was deleted from the database',
            state_at.subscription_number, at, missing.month
            USING ERRCODE = 'no_data_found',
                  HINT = format('Import the file %s with tucano_import_requests, then ask again.', missing.file);
    END IF;

    RETURN QUERY
    WITH effect AS (
        SELECT e.thing, e.value, e.log_number, e.acknowledged_at FROM logged_effect e
        WHERE e.account = of_account AND e.closed_at <= at
          AND e.log_number >= coalesce((SELECT max(s.log_number) FROM logged_reset s
                                        WHERE s.account = of_account AND s.closed_at <= at), 0)
    ), gone AS (
        SELECT e.thing, max(e.log_number) AS log_number FROM effect e WHERE e.value IS NULL GROUP BY e.thing
    )
    SELECT NULL::text, 'ACCOUNT', of_account, min(e.acknowledged_at) FROM effect e HAVING count(*) > 0
    UNION ALL
    (SELECT split_part(e.thing, ':', 2), CASE left(e.thing, 1) WHEN 'O' THEN 'OPTION' ELSE 'MATERIAL' END,
            split_part(e.thing, ':', 3), min(e.acknowledged_at)
     FROM effect e LEFT JOIN gone g USING (thing)
     WHERE e.value IS NOT NULL AND e.thing <> 'A' AND e.log_number > coalesce(g.log_number, 0)
     GROUP BY e.thing ORDER BY 2 DESC, 1, 3);
END $$;
ALTER FUNCTION state_at(text, timestamptz) OWNER TO archivist;
REVOKE ALL ON FUNCTION state_at(text, timestamptz) FROM PUBLIC;

-- Rights. archivist compares, and so reads what is compared; he writes the manifest and what he owns, nothing else.
GRANT SELECT ON desired_state, logged_request, logged_reset, logged_effect TO archivist;
GRANT SELECT, INSERT ON archive_manifest TO archivist;
GRANT UPDATE (rows_after, checksum_after, proof_after, seconds, verified_at) ON archive_manifest TO archivist;
GRANT SELECT ON request_archive TO pages;
GRANT SELECT ON logged_request TO provisioner, pages;
GRANT SELECT ON archive_manifest, daily_summary TO provisioner, pages, data_team;
GRANT EXECUTE ON FUNCTION state_at(text, timestamptz) TO provisioner, pages, data_team;
