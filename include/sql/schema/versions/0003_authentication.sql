-- Attempts of portals to authenticate a subscriber before ordering (docs/authentication.md).
-- Runs as provisioning_owner.

CREATE TABLE authentication_attempt (
    attempt_number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    attempted_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    asked_by            text NOT NULL,
    identifier_kind     text NOT NULL CHECK (identifier_kind IN ('SUBSCRIPTION', 'INSTALLED_ITEM', 'ACCESS_TOKEN')),
    identifier_mark     bytea NOT NULL CHECK (octet_length(identifier_mark) = 32),
    subscription_number text,
    outcome             text NOT NULL CHECK (outcome IN
                        ('GRANTED', 'UNKNOWN_IDENTIFIER', 'AMBIGUOUS_IDENTIFIER', 'SUBSCRIPTION_NOT_ACTIVE',
                         'SUBSCRIPTION_NOT_PROVISIONED', 'PROVIDER_NOT_EFFECTIVE', 'TOO_MANY_FAILURES')),
    CHECK (outcome <> 'GRANTED' OR subscription_number IS NOT NULL)
);
COMMENT ON TABLE authentication_attempt IS 'Never a token, a pass code or an identifier that can be read.';
COMMENT ON COLUMN authentication_attempt.asked_by IS 'The user of Airflow as whom the portal asked.';
COMMENT ON COLUMN authentication_attempt.identifier_mark IS
    'Keyed hash of the identifier: failures can be counted, and nobody can read or guess whom it names.';
COMMENT ON COLUMN authentication_attempt.subscription_number IS 'Where the identifier fits one; else null.';

-- For the count before each answer. Failures are few, so that this stays small while the table grows.
CREATE INDEX authentication_failure ON authentication_attempt (identifier_mark, attempted_at)
    WHERE outcome = 'UNKNOWN_IDENTIFIER';
CREATE INDEX authentication_timeline ON authentication_attempt (subscription_number, attempted_at)
    WHERE subscription_number IS NOT NULL;

-- The API server is pages. Reading is all it may do, and this is the one thing it has to write: attempts are
-- appended, never changed. As provisioner it could also write requests, which no page and no portal may.
GRANT SELECT, INSERT ON authentication_attempt TO pages;
