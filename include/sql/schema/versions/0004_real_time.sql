-- Actions of the CRM on their way to Tucano as they happen (docs/real-time.md). Runs as provisioning_owner.

-- Each action once, however often it is read. Waiting ones are drained in the order of their ids.
CREATE TABLE action_inbox (
    transaction_reference       text PRIMARY KEY,
    action_id                   bigint NOT NULL,
    behaviour                   text NOT NULL,
    subscription_number         text NOT NULL,
    related_subscription_number text,
    performed_by                text NOT NULL,
    performed_at                timestamptz NOT NULL,
    received_at                 timestamptz NOT NULL DEFAULT clock_timestamp(),
    state                       text NOT NULL DEFAULT 'WAITING' CHECK (state IN ('WAITING', 'DONE', 'PARKED')),
    reason                      text,
    attempts                    integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at                      timestamptz DEFAULT clock_timestamp(),
    taken_by                    text,
    batch_id                    bigint,
    accounts                    text[] NOT NULL DEFAULT '{}',
    finished_at                 timestamptz,
    CHECK ((state = 'WAITING') = (finished_at IS NULL)),
    CHECK (state <> 'WAITING' OR due_at IS NOT NULL),
    CHECK (state <> 'PARKED' OR reason IS NOT NULL)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
COMMENT ON COLUMN action_inbox.due_at IS
    'A waiting action is not taken before; who takes it moves this ahead, so that it is free again if he dies. '
    'A parked one is looked at again then, or only with the next action where it is null.';
COMMENT ON COLUMN action_inbox.batch_id IS
    'The last batch that took it. No foreign key: it would lock the row of the batch once for each action.';
COMMENT ON COLUMN action_inbox.accounts IS 'The accounts that the action concerns, found in the CRM when it was taken.';
COMMENT ON COLUMN action_inbox.reason IS 'Why it is parked, why it waits longer, or what of it was withheld.';

CREATE INDEX action_inbox_waiting ON action_inbox (action_id) WHERE state = 'WAITING';
CREATE INDEX action_inbox_taken ON action_inbox (batch_id) WHERE state = 'WAITING';
CREATE INDEX action_inbox_parked ON action_inbox (subscription_number) WHERE state = 'PARKED';
CREATE INDEX action_inbox_subscription ON action_inbox (subscription_number, action_id);
-- Where a feed without transaction ids is read again from, and what is old enough to be forgotten.
CREATE INDEX action_inbox_received ON action_inbox (received_at);

-- How far the feed was read; one row.
CREATE TABLE action_cursor (
    one_row          boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    action_id        bigint NOT NULL,
    from_transaction text CHECK (from_transaction ~ '^[0-9]+$'),
    began_at_action  bigint NOT NULL,
    read_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN action_cursor.action_id IS 'The highest action id that was read.';
COMMENT ON COLUMN action_cursor.from_transaction IS
    'The oldest transaction of the CRM that was open at the last look: the next one begins there. Null where the feed '
    'has no transaction ids, or its statement cannot begin at one.';
COMMENT ON COLUMN action_cursor.began_at_action IS 'The lane never looks back further: what is older is the night''s.';

-- Signs of life of the lane, for the pages; one row.
CREATE TABLE real_time_lane (
    one_row        boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    owner          text NOT NULL,
    started_at     timestamptz NOT NULL,
    alive_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at       timestamptz,
    mode           text NOT NULL CHECK (mode IN ('LISTEN', 'POLL')),
    last_action_at timestamptz,
    last_error     text
);
COMMENT ON COLUMN real_time_lane.alive_at IS 'Written each second: a lane that is silent for 10 s is dead.';
COMMENT ON COLUMN real_time_lane.ended_at IS 'When it ended in good order: a pause, a rotation, SIGTERM.';
COMMENT ON COLUMN real_time_lane.mode IS 'LISTEN: woken by the CRM''s NOTIFY. POLL: it looks each second.';
COMMENT ON COLUMN real_time_lane.last_error IS 'What keeps actions waiting now; null when nothing does.';

-- How many accounts the lane took something from, by minute: the gate's sliding hour.
CREATE TABLE removal_minute (
    minute       timestamptz PRIMARY KEY,
    pure         integer NOT NULL DEFAULT 0 CHECK (pure >= 0),
    replacements integer NOT NULL DEFAULT 0 CHECK (replacements >= 0)
);

-- What is held for this account? Asked for each account the lane plans.
CREATE INDEX held_removal_open ON held_removal (account) WHERE released_at IS NULL AND replaced_by IS NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON action_inbox, removal_minute TO provisioner;
GRANT SELECT, INSERT, UPDATE ON action_cursor, real_time_lane TO provisioner;
GRANT SELECT ON action_inbox, action_cursor, real_time_lane, removal_minute TO pages;
