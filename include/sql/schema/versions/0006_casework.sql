-- One case at a time: what the pages of a subscription and of the provider ask for, and the retention of attempts.
-- Runs as provisioning_owner.

-- "What did the last runs do about this account?", asked by a person who waits; the primary keys begin with the batch.
CREATE INDEX batch_item_account ON batch_item (account, batch_id);
CREATE INDEX rejected_row_account ON rejected_row (account, batch_id);
CREATE INDEX rejected_row_subscription ON rejected_row (subscription_number, batch_id);

-- Questions "what would this provider file do?": asked on a page, answered by tucano_what_if. Counts only.
CREATE TABLE what_if (
    run_id       text PRIMARY KEY,
    requested_by text NOT NULL,
    hash         text CHECK (hash ~ '^[0-9a-f]{64}$'),
    asked_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    told_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    progress     text NOT NULL DEFAULT 'waits for the CRM',
    answered_at  timestamptz,
    answer       jsonb,
    refused      text,
    CHECK ((answered_at IS NULL) = (answer IS NULL AND refused IS NULL)),
    CHECK (answer IS NULL OR refused IS NULL)
);
COMMENT ON TABLE what_if IS 'No subscription is named here and nothing is sent from here.';
CREATE INDEX what_if_asked ON what_if (asked_at);
GRANT SELECT, INSERT, UPDATE ON what_if TO provisioner;
GRANT SELECT ON what_if TO pages;

-- Attempts to authenticate are kept for a time and then deleted. Whoever runs this may delete old ones and nothing
-- else: not one subscription's, not the last month's, which a dispute or a search for a guesser still needs.
CREATE FUNCTION delete_attempts(before timestamptz, dry_run boolean) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    attempts bigint;
BEGIN
    IF before IS NULL OR before > now() - interval '30 days' THEN
        RAISE EXCEPTION 'attempts of the last 30 days are kept: % is too late', before;
    END IF;
    IF dry_run IS NOT FALSE THEN
        RETURN (SELECT count(*) FROM authentication_attempt WHERE attempted_at < before);
    END IF;
    DELETE FROM authentication_attempt WHERE attempted_at < before;
    GET DIAGNOSTICS attempts = ROW_COUNT;
    RETURN attempts;
END $$;
REVOKE ALL ON FUNCTION delete_attempts(timestamptz, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delete_attempts(timestamptz, boolean) TO archivist;
CREATE INDEX authentication_attempt_age ON authentication_attempt USING brin (attempted_at);
