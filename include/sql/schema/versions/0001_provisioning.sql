-- The provisioning database. Runs as provisioning_owner; the roles exist (provisioner.migrate.create_roles).
-- Options and materials are kept as sorted text arrays of 'distributor:option' and 'distributor:serial:type':
-- one row an account, comparable as a whole, and no code may hold a colon (tucano-api.yaml).

-- Which version of the provider file a run used.
CREATE TABLE provider_version (
    hash             text PRIMARY KEY CHECK (hash ~ '^[0-9a-f]{64}$'),
    name             text NOT NULL,
    alternative_code text NOT NULL,
    state            text NOT NULL CHECK (state IN ('EFFECTIVE', 'NOT_EFFECTIVE')),
    document         jsonb NOT NULL,
    first_loaded_at  timestamptz NOT NULL DEFAULT now()
);

-- One run of one door: nightly reset, single reset, real time, release of held removals.
CREATE TABLE batch (
    batch_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cause            text NOT NULL CHECK (cause IN
                     ('RESET_RUN', 'RESET_SUBSCRIPTION', 'REAL_TIME', 'RELEASE_REMOVALS', 'IMPORT')),
    run_id           text NOT NULL,
    requested_by     text NOT NULL,
    parameters       jsonb NOT NULL DEFAULT '{}',
    filtered         boolean NOT NULL DEFAULT false,
    dry_run          boolean NOT NULL DEFAULT false,
    provider_hash    text REFERENCES provider_version,
    stage            text NOT NULL DEFAULT 'OPENED' CHECK (stage IN
                     ('OPENED', 'PROVIDER_LOADED', 'EXTRACTED', 'PROVED', 'DETECTED', 'PLANNED', 'GUARDED', 'CLOSED')),
    opened_at        timestamptz NOT NULL DEFAULT now(),
    closed_at        timestamptz,
    extracted_rows   bigint CHECK (extracted_rows >= 0),
    rejected_rows    bigint CHECK (rejected_rows >= 0),
    counted_rows     bigint CHECK (counted_rows >= 0),
    landed_accounts  bigint CHECK (landed_accounts >= 0),
    duplicate_keys   text[] NOT NULL DEFAULT '{}',
    extract_whole    boolean,
    not_whole_because text[] NOT NULL DEFAULT '{}',
    out_of_sync      bigint CHECK (out_of_sync >= 0),
    plan_hash        text CHECK (plan_hash ~ '^[0-9a-f]{64}$'),
    held_because     text,
    plan_held        boolean NOT NULL DEFAULT false,
    held_hash        text CHECK (held_hash ~ '^[0-9a-f]{64}$'),
    platform_down    text,
    failures         text[] NOT NULL DEFAULT '{}',
    counts           jsonb,
    summary          text,
    CHECK ((stage = 'CLOSED') = (closed_at IS NOT NULL)),
    CHECK (NOT plan_held OR held_because IS NOT NULL),
    CHECK (NOT extract_whole OR not_whole_because = '{}')
);
-- A run has one open batch; the same run, cleared and run again after it closed, gets a new one.
CREATE UNIQUE INDEX batch_open_run ON batch (cause, run_id) WHERE closed_at IS NULL;
COMMENT ON COLUMN batch.counted_rows IS 'The same filter counted again in the same snapshot.';

-- What the CRM wants, landed by the extract of the running reset run. Lost with a crash of the server on purpose:
-- a run that finds fewer rows than it landed starts again.
CREATE UNLOGGED TABLE desired_state (
    batch_id             bigint NOT NULL,
    fingerprint          bigint GENERATED ALWAYS AS
                         (hash_array_extended(array_prepend(account, options || materials || kept), 1)) STORED,
    understood           boolean NOT NULL,
    active               boolean NOT NULL,
    account              text NOT NULL,
    subscription_numbers text[] NOT NULL,
    options              text[] NOT NULL,
    materials            text[] NOT NULL,
    kept                 text[] NOT NULL,
    withheld_because     text[] NOT NULL
);
COMMENT ON COLUMN desired_state.fingerprint IS
    'Of the known state in which nothing is left to do: the account exists, with these options and boxes.';
-- Detection walks through both indexes of fingerprints side by side and looks at no row whose fingerprint is in both.
CREATE INDEX desired_state_fingerprint ON desired_state (fingerprint);

-- Without statistics of this very landing the planner takes the rows of a new batch for none. Only a table's owner
-- may gather them, so this runs with the owner's rights.
CREATE FUNCTION analyze_desired_state() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    ANALYZE desired_state;
END $$;
REVOKE ALL ON FUNCTION analyze_desired_state() FROM PUBLIC;

-- What Tucano is known to have: the running fold of the request log and only that.
-- In PL/pgSQL, since they run for every row of known state that is written: a SQL function with a query in it cannot be
-- inlined into a check or an index and takes several times as long.
CREATE FUNCTION is_sorted_set(members text[]) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    member text;
    earlier text;
BEGIN
    FOREACH member IN ARRAY members LOOP
        IF member IS NULL OR member COLLATE "C" <= earlier THEN
            RETURN false;
        END IF;
        earlier := member;
    END LOOP;
    RETURN true;
END $$;

CREATE FUNCTION serial_numbers(materials text[]) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    material text;
    found text[] := '{}';
BEGIN
    FOREACH material IN ARRAY materials LOOP
        found := found || split_part(material, ':', 2);
    END LOOP;
    RETURN found;
END $$;

CREATE FUNCTION material_places(materials text[]) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    material text;
    found text[] := '{}';
BEGIN
    FOREACH material IN ARRAY materials LOOP
        found := found || (split_part(material, ':', 1) || ':' || split_part(material, ':', 2));
    END LOOP;
    RETURN found;
END $$;

CREATE TABLE known_state (
    fingerprint    bigint GENERATED ALWAYS AS
                   (hash_array_extended(array_prepend(account, options || materials), account_exists::int)) STORED,
    account        text PRIMARY KEY,
    account_exists boolean NOT NULL,
    options        text[] NOT NULL DEFAULT '{}' CHECK (is_sorted_set(options)),
    materials      text[] NOT NULL DEFAULT '{}' CHECK (is_sorted_set(materials)),
    version        bigint NOT NULL DEFAULT 1 CHECK (version > 0),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (account_exists OR (options = '{}' AND materials = '{}'))
-- Pages changed by a night are vacuumed soon, so that fingerprints are read from their index alone.
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX known_state_fingerprint ON known_state (fingerprint);
-- Who has this box? Asked before a box is added, since it must leave its old account first.
-- Asked for every few accounts that are planned, so the index has no list of late entries to be searched through.
CREATE INDEX known_state_serial_numbers ON known_state USING gin (serial_numbers(materials)) WITH (fastupdate = off);

-- One writer an account: whoever holds the row's token until its time (by this database's clock).
CREATE SEQUENCE claim_token;
CREATE TABLE claim (
    account text PRIMARY KEY,
    owner   text NOT NULL,
    token   bigint NOT NULL,
    until   timestamptz NOT NULL
);

-- Open requests, apart from the log. One open plan an account, by the primary key and the reference to it.
CREATE SEQUENCE plan_number;
CREATE TABLE open_plan (
    account          text PRIMARY KEY,
    plan_number      bigint NOT NULL,
    batch_id         bigint NOT NULL REFERENCES batch,
    unknown_attempts integer NOT NULL DEFAULT 0 CHECK (unknown_attempts >= 0),
    parked_at        timestamptz,
    parked_because   text,
    UNIQUE (account, plan_number),
    CHECK ((parked_at IS NULL) = (parked_because IS NULL))
);

-- The accounts of a landed batch whose wish differs from what is known, or that have an open plan.
-- The fingerprint is a filter: an account whose fingerprint is known is in step, the others are decided by their rows.
-- It covers the account, so that it is compared alone: that a million accounts hide one that differs has a chance of
-- one in 10^9 a night. by_fingerprint false decides all by their rows and must find the same accounts.
-- A SQL function without settings is inlined, so that the planner sees which of the two is asked for.
CREATE FUNCTION out_of_sync(of_batch bigint, by_fingerprint boolean)
    RETURNS TABLE (account text, subscription_numbers text[])
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT s.account, s.subscription_numbers
    FROM (
        SELECT d.account, d.subscription_numbers, d.active, d.options, d.materials, d.kept
        FROM desired_state d
        WHERE d.batch_id = of_batch AND d.understood AND by_fingerprint
          AND d.fingerprint IN (SELECT landed.fingerprint
                                FROM desired_state landed
                                LEFT JOIN known_state same ON same.fingerprint = landed.fingerprint
                                WHERE same.fingerprint IS NULL)
        UNION ALL
        SELECT d.account, d.subscription_numbers, d.active, d.options, d.materials, d.kept
        FROM desired_state d
        WHERE d.batch_id = of_batch AND d.understood AND NOT by_fingerprint
    ) AS s
    LEFT JOIN known_state k ON k.account = s.account
    WHERE ((s.active AND k.account_exists IS NOT TRUE)
           OR s.options <> coalesce(k.options, '{}')
           OR NOT s.materials <@ coalesce(k.materials, '{}')
           OR (k.materials <> '{}' AND NOT material_places(k.materials)
                   <@ (material_places(s.materials) || material_places(s.kept))))
      AND NOT EXISTS (SELECT FROM open_plan p WHERE p.account = s.account)
    UNION ALL
    SELECT d.account, d.subscription_numbers
    FROM open_plan p JOIN desired_state d ON d.account = p.account
    WHERE d.batch_id = of_batch AND d.understood
$$;

CREATE SEQUENCE request_sequence;
CREATE TABLE open_request (
    sequence_number     bigint PRIMARY KEY,
    request_number      text NOT NULL UNIQUE CHECK (request_number ~ '^[A-Za-z0-9-]{1,40}$'),
    account             text NOT NULL,
    plan_number         bigint NOT NULL,
    plan_position       integer NOT NULL CHECK (plan_position > 0),
    batch_id            bigint NOT NULL REFERENCES batch,
    subscription_number text NOT NULL,
    command             text NOT NULL CHECK (command IN
                        ('CREATE_ACCOUNT', 'ACTIVATE_OPTIONS', 'SUSPEND_OPTIONS', 'ADD_MATERIAL', 'REMOVE_MATERIAL')),
    distributor         text,
    parameters          jsonb NOT NULL,
    body                bytea NOT NULL,
    state               text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'UNKNOWN')),
    caused_by           text NOT NULL,
    planned_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at             timestamptz,
    attempts            integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    last_failure        text,
    FOREIGN KEY (account, plan_number) REFERENCES open_plan (account, plan_number),
    CHECK (state = 'PENDING' OR sent_at IS NOT NULL),
    CHECK ((command = 'CREATE_ACCOUNT') = (distributor IS NULL)),
    CHECK (command <> 'CREATE_ACCOUNT' OR parameters = '{}')
) WITH (fillfactor = 70);
-- At most one request of an account may have left without an answer.
CREATE UNIQUE INDEX open_request_one_sent ON open_request (account) WHERE sent_at IS NOT NULL;
CREATE INDEX open_request_account ON open_request (account, plan_position);
COMMENT ON COLUMN open_request.sent_at IS
    'Committed before the first byte may leave. NULL proves that this request never left.';
COMMENT ON COLUMN open_request.parameters IS 'Empty for CREATE_ACCOUNT: personal data lives in its body only.';

-- Closed requests, append-only, by month of closing. Owned by archivist, who moves whole months.
CREATE SEQUENCE log_sequence;
CREATE TABLE request_log (
    log_number          bigint NOT NULL DEFAULT nextval('log_sequence'),
    sequence_number     bigint NOT NULL,
    request_number      text NOT NULL,
    batch_id            bigint NOT NULL,
    subscription_number text NOT NULL,
    account             text NOT NULL,
    command             text NOT NULL CHECK (command IN
                        ('CREATE_ACCOUNT', 'ACTIVATE_OPTIONS', 'SUSPEND_OPTIONS', 'ADD_MATERIAL', 'REMOVE_MATERIAL',
                         'IMPORT', 'CHECKPOINT')),
    distributor         text,
    parameters          jsonb NOT NULL,
    state               text NOT NULL CHECK (state IN ('COMPLETED', 'REJECTED')),
    already             boolean NOT NULL DEFAULT false,
    error_code          text,
    error_description   text,
    reference_number    text,
    caused_by           text NOT NULL,
    planned_at          timestamptz NOT NULL,
    sent_at             timestamptz,
    closed_at           timestamptz NOT NULL,
    attempts            integer NOT NULL,
    body                bytea,
    response            bytea,
    PRIMARY KEY (log_number, closed_at),
    CHECK ((state = 'REJECTED') = (error_code IS NOT NULL) OR already),
    CHECK (sent_at IS NOT NULL OR state = 'REJECTED' OR command IN ('IMPORT', 'CHECKPOINT'))
) PARTITION BY RANGE (closed_at);
COMMENT ON COLUMN request_log.log_number IS 'Order of closing; the order of the fold into known_state.';
CREATE INDEX request_log_subscription ON request_log (subscription_number, log_number);
CREATE INDEX request_log_account ON request_log (account, log_number);
CREATE INDEX request_log_batch ON request_log (batch_id, state);
CREATE TABLE request_log_default PARTITION OF request_log DEFAULT;

ALTER TABLE request_log OWNER TO archivist;
ALTER TABLE request_log_default OWNER TO archivist;
ALTER SEQUENCE log_sequence OWNER TO archivist;

-- Make the partitions of this month and the next ones. Returns the names of those it made.
-- Runs with the archivist's rights, so that a run of any door may make sure of them.
CREATE FUNCTION make_partitions(months_ahead integer DEFAULT 3) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first_day date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
    from_day date;
    partition_name text;
BEGIN
    -- Two runs may meet here: the second waits and then finds nothing to do.
    PERFORM pg_advisory_xact_lock(hashtextextended('make_partitions', 0));
    FOR ahead IN 0..months_ahead LOOP
        from_day := first_day + make_interval(months => ahead);
        partition_name := 'request_log_' || to_char(from_day, 'YYYY_MM');
        CONTINUE WHEN to_regclass(format('public.%I', partition_name)) IS NOT NULL;
        EXECUTE format('CREATE TABLE public.%I PARTITION OF public.request_log FOR VALUES FROM (%L) TO (%L)',
            partition_name,
            to_char(from_day, 'YYYY-MM-DD') || ' 00:00:00+00',
            to_char(from_day + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
        RETURN NEXT partition_name;
    END LOOP;
END $$;
ALTER FUNCTION make_partitions(integer) OWNER TO archivist;
REVOKE ALL ON FUNCTION make_partitions(integer) FROM PUBLIC;
SELECT make_partitions();

-- The work of a batch: one row for each account found out of sync.
CREATE TABLE batch_item (
    batch_id             bigint NOT NULL REFERENCES batch,
    account              text NOT NULL,
    subscription_numbers text[] NOT NULL,
    chunk_number         integer,
    planned              jsonb,
    removals             text[] NOT NULL DEFAULT '{}',
    replacement          boolean NOT NULL DEFAULT false,
    allowed_removals     text[] NOT NULL DEFAULT '{}' CHECK (allowed_removals <@ removals),
    withheld_because     text[] NOT NULL DEFAULT '{}',
    outcome              text CHECK (outcome IN
                         ('IN_SYNC', 'COMPLETED', 'REJECTED', 'PARKED', 'WITHHELD', 'ROW_REJECTED', 'HELD')),
    explanation          text,
    finished_at          timestamptz,
    PRIMARY KEY (batch_id, account),
    CHECK ((outcome IS NULL) = (finished_at IS NULL))
);
CREATE INDEX batch_item_chunk ON batch_item (batch_id, chunk_number, account) WHERE outcome IS NULL;

-- Rows of the CRM that could not be used, and subscriptions that are gone from the extract: for a person.
CREATE TABLE rejected_row (
    batch_id            bigint NOT NULL REFERENCES batch,
    row_number          bigint GENERATED ALWAYS AS IDENTITY,
    account             text,
    subscription_number text,
    reason              text NOT NULL,
    explanation         text NOT NULL,
    PRIMARY KEY (batch_id, row_number)
);

-- Removals the guard held back, until a person releases them or a later batch replaces the set.
CREATE TABLE held_removal (
    batch_id    bigint NOT NULL REFERENCES batch,
    account     text NOT NULL,
    removals    text[] NOT NULL CHECK (removals <> '{}'),
    released_at timestamptz,
    released_by text,
    replaced_by bigint REFERENCES batch,
    PRIMARY KEY (batch_id, account),
    CHECK ((released_at IS NULL) = (released_by IS NULL)),
    CHECK (released_at IS NULL OR replaced_by IS NULL)
);

-- What a person answered when asked to release what a batch held; one answer a batch, the first one.
CREATE TABLE release_decision (
    batch_id         bigint PRIMARY KEY REFERENCES batch,
    held_hash        text NOT NULL,
    approved         boolean NOT NULL,
    decided_by       text NOT NULL,
    decided_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One limiter for all doors: the time at which the next request may leave.
CREATE TABLE sending_rate (
    provider text PRIMARY KEY,
    next_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What people and data teams read. Personal data is in no column of it.
CREATE VIEW request_history AS
SELECT request_number, batch_id, subscription_number, account, sequence_number, command, distributor, parameters,
       state, error_code, error_description, reference_number, caused_by, planned_at, sent_at, closed_at, attempts,
       'hot'::text AS tier
FROM request_log
UNION ALL
SELECT request_number, batch_id, subscription_number, account, sequence_number, command, distributor, parameters,
       state, NULL, last_failure, NULL, caused_by, planned_at, sent_at, NULL, attempts, 'open'
FROM open_request;

CREATE VIEW batch_overview AS
SELECT b.batch_id, b.cause, b.run_id, b.requested_by, b.dry_run, b.filtered, b.stage, b.opened_at, b.closed_at,
       b.extracted_rows AS subscriptions, b.rejected_rows, b.extract_whole, b.not_whole_because, b.out_of_sync,
       coalesce(i.finished, 0) AS accounts_finished, coalesce(i.parked, 0) AS accounts_parked,
       coalesce(l.completed, 0) AS requests_completed, coalesce(l.rejected, 0) AS requests_rejected,
       coalesce(l.not_sent, 0) AS requests_not_sent, coalesce(o.pending, 0) AS requests_pending,
       coalesce(o.unknown, 0) AS requests_unknown, coalesce(h.held, 0) AS accounts_held,
       b.held_because, b.platform_down, b.failures, b.plan_hash, b.provider_hash, b.summary
FROM batch b
LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE outcome IS NOT NULL) AS finished,
                          count(*) FILTER (WHERE outcome = 'PARKED') AS parked
                   FROM batch_item WHERE batch_id = b.batch_id) i ON true
LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE state = 'COMPLETED') AS completed,
                          count(*) FILTER (WHERE state = 'REJECTED' AND sent_at IS NOT NULL) AS rejected,
                          count(*) FILTER (WHERE state = 'REJECTED' AND sent_at IS NULL) AS not_sent
                   FROM request_log WHERE batch_id = b.batch_id) l ON true
LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE state = 'PENDING') AS pending,
                          count(*) FILTER (WHERE state = 'UNKNOWN') AS unknown
                   FROM open_request WHERE batch_id = b.batch_id) o ON true
LEFT JOIN LATERAL (SELECT count(*) AS held FROM held_removal
                   WHERE batch_id = b.batch_id AND released_at IS NULL AND replaced_by IS NULL) h ON true;

-- Rows that no month's partition took. Must be empty: docs/operations.md says what to do when it is not.
CREATE VIEW stray_request AS
SELECT request_number, closed_at FROM request_log_default;

-- Rights: rows for provisioner, reading for the rest, no more than each needs.
GRANT SELECT, INSERT, UPDATE, DELETE ON known_state, claim, open_plan, open_request, batch_item, sending_rate
    TO provisioner;
GRANT SELECT, INSERT, UPDATE ON batch, held_removal TO provisioner;
GRANT SELECT, INSERT ON provider_version, release_decision TO provisioner;
GRANT SELECT, INSERT, DELETE ON rejected_row TO provisioner;
GRANT SELECT, INSERT, TRUNCATE, DELETE ON desired_state TO provisioner;
GRANT SELECT, INSERT ON request_log TO provisioner;
GRANT SELECT ON stray_request, request_history, batch_overview TO provisioner, pages;
GRANT USAGE ON SEQUENCE claim_token, plan_number, request_sequence, log_sequence TO provisioner;
GRANT EXECUTE ON FUNCTION make_partitions(integer), analyze_desired_state() TO provisioner;
GRANT SELECT ON schema_version TO provisioner, pages;
GRANT SELECT ON known_state, open_plan, open_request, batch TO archivist;
GRANT SELECT ON provider_version, batch, batch_item, known_state, open_plan, open_request, request_log, rejected_row,
    held_removal, release_decision, claim, sending_rate TO pages;
GRANT SELECT ON request_history, batch_overview TO data_team;
