-- The state file of the Tucano simulator (SQLite). Every statement may be run again on an existing file.

-- What the platform holds.
CREATE TABLE IF NOT EXISTS account (
    account TEXT PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS active_option (
    account     TEXT NOT NULL,
    distributor TEXT NOT NULL,
    option      TEXT NOT NULL,
    PRIMARY KEY (account, distributor, option)
) WITHOUT ROWID;

-- A serial number is registered once on the whole platform.
CREATE TABLE IF NOT EXISTS material (
    serial_number TEXT PRIMARY KEY,
    account       TEXT NOT NULL,
    distributor   TEXT NOT NULL,
    material_type TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS material_by_account ON material (account);

-- The idempotency memory: the first answer under each key, and the SHA-256 of the body it was given to.
CREATE TABLE IF NOT EXISTS answer (
    request_number TEXT PRIMARY KEY,
    digest         BLOB NOT NULL,
    body           TEXT NOT NULL
) WITHOUT ROWID;

-- The platform as of the last snapshot: the four tables above. The ledger is not part of it.
CREATE TABLE IF NOT EXISTS snapshot (taken_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS snapshot_account (account TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot_active_option (
    account TEXT, distributor TEXT, option TEXT, PRIMARY KEY (account, distributor, option)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot_material (
    serial_number TEXT PRIMARY KEY, account TEXT, distributor TEXT, material_type TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot_answer (
    request_number TEXT PRIMARY KEY, digest BLOB, body TEXT
) WITHOUT ROWID;

-- What an observer saw: every request received, in order of receipt. parameters and body are JSON.
CREATE TABLE IF NOT EXISTS ledger (
    n              INTEGER PRIMARY KEY,
    received_at    TEXT NOT NULL,
    request_number TEXT,
    command        TEXT,
    account        TEXT,
    parameters     TEXT NOT NULL,
    digest         TEXT NOT NULL,
    overlapping    INTEGER NOT NULL,
    applied        INTEGER NOT NULL,
    replayed       INTEGER NOT NULL,
    status         INTEGER,
    body           TEXT NOT NULL,
    fault          TEXT
);
