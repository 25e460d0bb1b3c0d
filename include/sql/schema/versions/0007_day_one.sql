-- Day one and the day after a restore (docs/day-one.md says what to do when).
-- Runs as provisioning_owner.

-- What Tucano may hold otherwise than known_state says, since it was put back to a backup: one row an account, with
-- what was given or taken after the time until which Tucano is trusted. It is asked for again by every door; an answer
-- takes it out, and an account of which nothing is left has no row. known_state stays the fold of the log.
CREATE TABLE distrust (
    account       text PRIMARY KEY,
    account_asked boolean NOT NULL DEFAULT false,
    options       text[] NOT NULL DEFAULT '{}' CHECK (is_sorted_set(options)),
    materials     text[] NOT NULL DEFAULT '{}' CHECK (is_sorted_set(materials)),
    since         timestamptz NOT NULL,
    batch_id      bigint NOT NULL REFERENCES batch,
    CHECK (account_asked OR options <> '{}' OR materials <> '{}')
);
COMMENT ON COLUMN distrust.account_asked IS 'CREATE_ACCOUNT was acknowledged after since: the account may be gone.';
COMMENT ON COLUMN distrust.options IS 'distributor:option, as in known_state.';
COMMENT ON COLUMN distrust.materials IS 'distributor:serial number; the type is not known of a box that was taken away.';
COMMENT ON COLUMN distrust.batch_id IS 'The run that was told so last; an answer asked for before it settles nothing.';
-- Whom may a restored Tucano have given this box back to? Asked before a box is added, as of known_state.
CREATE INDEX distrust_serial_numbers ON distrust USING gin (serial_numbers(materials)) WITH (fastupdate = off);

-- What a run with distrust_since does is done once, also where its task runs twice.
ALTER TABLE batch ADD COLUMN distrusted_accounts bigint CHECK (distrusted_accounts >= 0);

-- For the pages: what is still to be asked.
CREATE VIEW distrusted AS
SELECT t.account, t.account_asked, t.options, t.materials, t.since, t.batch_id, b.requested_by, b.opened_at AS told_at
FROM distrust t JOIN batch b USING (batch_id);

-- What is touched by acknowledgements after a time. Where the story of an account began anew after it (Tucano did not
-- know the account, or an import told the whole), the older Tucano may hold anything that it ever held.
-- Things that were given and taken away again after the time count too: the backup may be a little younger than the
-- time that a person names, and asking costs one answer "already so".
CREATE FUNCTION acknowledged_after(since timestamptz, before timestamptz)
    RETURNS TABLE (account text, account_asked boolean, options text[], materials text[])
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH begun_anew AS (
        SELECT DISTINCT r.account FROM logged_reset r WHERE r.closed_at > since AND r.closed_at < before
    ), touched AS (
        SELECT e.account, e.thing FROM logged_effect e WHERE e.closed_at > since AND e.closed_at < before
        UNION
        SELECT e.account, e.thing FROM logged_effect e JOIN begun_anew USING (account) WHERE e.closed_at < before
    )
    SELECT t.account, bool_or(t.thing = 'A'),
           coalesce(array_agg(substr(t.thing, 3) ORDER BY t.thing COLLATE "C") FILTER (WHERE t.thing LIKE 'O:%'), '{}'),
           coalesce(array_agg(substr(t.thing, 3) ORDER BY t.thing COLLATE "C") FILTER (WHERE t.thing LIKE 'M:%'), '{}')
    FROM touched t GROUP BY t.account
$$;

-- What a batch takes for distrusted: what is written, and for a dry run also what it would write.
CREATE FUNCTION distrusted_by(of_batch bigint)
    RETURNS TABLE (account text, account_asked boolean, options text[], materials text[])
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 AS $$
DECLARE
    trusted_until timestamptz;
    opened timestamptz;
BEGIN
    SELECT (b.parameters ->> 'distrust_since')::timestamptz, b.opened_at INTO trusted_until, opened
    FROM batch b WHERE b.batch_id = of_batch AND b.dry_run;
    IF trusted_until IS NULL THEN
        RETURN QUERY SELECT t.account, t.account_asked, t.options, t.materials FROM distrust t;
    ELSE
        RETURN QUERY
        SELECT coalesce(t.account, n.account), coalesce(t.account_asked, false) OR coalesce(n.account_asked, false),
               merged_sets(t.options, n.options), merged_sets(t.materials, n.materials)
        FROM distrust t FULL JOIN acknowledged_after(trusted_until, opened) n ON n.account = t.account;
    END IF;
END $$;

CREATE FUNCTION merged_sets(one text[], other text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(SELECT DISTINCT m COLLATE "C" FROM unnest(coalesce(one, '{}') || coalesce(other, '{}')) AS m ORDER BY 1);

-- As in the first version; the accounts with a request in doubt whose row is missing or not understood, to be settled
-- and no more; and the accounts of which something distrusted can be asked: every option, every box but
-- one that an Inactive subscription keeps (it is neither added nor taken away), the account where it must exist.
CREATE OR REPLACE FUNCTION out_of_sync(of_batch bigint, by_fingerprint boolean)
    RETURNS TABLE (account text, subscription_numbers text[])
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT s.account, s.subscription_numbers
    FROM (
        SELECT d.account, d.subscription_numbers, d.active, d.options, d.materials, d.kept, false AS to_ask
        FROM desired_state d
        WHERE d.batch_id = of_batch AND d.understood AND by_fingerprint
          AND d.fingerprint IN (SELECT landed.fingerprint
                                FROM desired_state landed
                                LEFT JOIN known_state same ON same.fingerprint = landed.fingerprint
                                WHERE same.fingerprint IS NULL)
        UNION ALL
        SELECT d.account, d.subscription_numbers, d.active, d.options, d.materials, d.kept, false
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
      AND NOT EXISTS (SELECT FROM distrusted_by(of_batch) t WHERE t.account = s.account)
    UNION ALL
    SELECT s.account, s.subscription_numbers
    FROM distrusted_by(of_batch) t
    JOIN desired_state s ON s.account = t.account
    LEFT JOIN known_state k ON k.account = s.account
    WHERE s.batch_id = of_batch AND s.understood
      AND (t.options <> '{}'
           OR (t.account_asked AND s.active)
           OR (t.materials <> '{}' AND (t.materials && material_places(s.materials)
                                        OR NOT t.materials <@ material_places(s.kept)))
           OR (s.active AND k.account_exists IS NOT TRUE)
           OR s.options <> coalesce(k.options, '{}')
           OR NOT s.materials <@ coalesce(k.materials, '{}')
           OR (k.materials <> '{}' AND NOT material_places(k.materials)
                   <@ (material_places(s.materials) || material_places(s.kept))))
      AND NOT EXISTS (SELECT FROM open_plan p WHERE p.account = s.account)
    UNION ALL
    SELECT d.account, d.subscription_numbers
    FROM open_plan p JOIN desired_state d ON d.account = p.account
    WHERE d.batch_id = of_batch
      AND (d.understood OR EXISTS (SELECT FROM open_request r WHERE r.account = p.account AND r.sent_at IS NOT NULL))
    UNION ALL
    -- What was sent and not answered is settled also where the CRM has no row any more. A filtered run has not looked.
    SELECT r.account, array_agg(DISTINCT r.subscription_number)
    FROM open_request r
    WHERE r.sent_at IS NOT NULL
      AND NOT EXISTS (SELECT FROM desired_state d WHERE d.batch_id = of_batch AND d.account = r.account)
      AND EXISTS (SELECT FROM batch b WHERE b.batch_id = of_batch AND NOT b.filtered)
    GROUP BY r.account
$$;

-- Files that were imported into known state, by what is in them: the same file again goes on where it was left.
CREATE TABLE import_file (
    sha256      text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    name        text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('EXPORT', 'REQUESTS')),
    batch_id    bigint NOT NULL REFERENCES batch,
    begun_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz
);

-- After this database was put back to a backup: no number that Tucano may have seen is drawn again. Requests that never
-- left bear old numbers and are closed as SUPERSEDED; what is still wanted is planned anew. Returns the first new number.
CREATE FUNCTION renew_request_numbers(beyond bigint DEFAULT 10000000) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first bigint;
BEGIN
    IF beyond IS NULL OR beyond < 1 THEN
        RAISE EXCEPTION 'renew_request_numbers needs a number of requests above 0, not %', beyond
            USING HINT = 'More than were ever sent since the backup.';
    END IF;
    -- A worker would send what is closed here.
    IF EXISTS (SELECT FROM claim c WHERE c.until > clock_timestamp()) THEN
        RAISE EXCEPTION 'accounts are being worked on: request numbers are not begun anew now'
            USING HINT = 'Stop or pause the runs that send, wait half a minute, and try again.';
    END IF;
    first := setval('request_sequence', nextval('request_sequence') + beyond, false);
    WITH closed AS (
        DELETE FROM open_request r WHERE r.sent_at IS NULL RETURNING r.*
    )
    INSERT INTO request_log (sequence_number, request_number, batch_id, subscription_number, account, command,
        distributor, parameters, state, error_code, error_description, caused_by, planned_at, closed_at, attempts, body)
    SELECT sequence_number, request_number, batch_id, subscription_number, account, command, distributor, parameters,
        'REJECTED', 'SUPERSEDED', 'never sent: request numbers were begun anew', caused_by, planned_at,
        clock_timestamp(), attempts, body
    FROM closed;
    DELETE FROM open_plan p WHERE NOT EXISTS (SELECT FROM open_request r WHERE r.account = p.account);
    RETURN first;
END $$;
REVOKE ALL ON FUNCTION renew_request_numbers(bigint) FROM PUBLIC;

GRANT SELECT, INSERT, UPDATE, DELETE ON distrust TO provisioner;
GRANT SELECT, INSERT, UPDATE ON import_file TO provisioner;
GRANT SELECT ON logged_effect, logged_reset TO provisioner;
GRANT SELECT ON distrust TO archivist;
GRANT SELECT ON distrust, distrusted, import_file TO pages;
GRANT SELECT ON distrusted TO provisioner;
GRANT EXECUTE ON FUNCTION renew_request_numbers(bigint) TO provisioner;
