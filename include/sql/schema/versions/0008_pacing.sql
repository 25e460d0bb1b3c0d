-- What all doors have learned about the platform, and what one answer left open about an account.
-- Runs as provisioning_owner.

-- A platform that says 429 without announcing a rate is found out: core/pacing.py makes the rate of this moment from
-- the rate that was refused last and the time since then, so that all doors agree without counting together.
ALTER TABLE sending_rate
    ADD COLUMN refused_rate double precision CHECK (refused_rate > 0),
    ADD COLUMN refused_at   timestamptz,
    ADD COLUMN silent_since timestamptz,
    ADD CHECK ((refused_rate IS NULL) = (refused_at IS NULL));
COMMENT ON COLUMN sending_rate.refused_rate IS
    'Requests a second that the platform refused last (429): about what it allows. NULL: it never refused any.';
COMMENT ON COLUMN sending_rate.silent_since IS
    'Since when a door found the platform dead; NULL from its next answer on. Doors that begin meanwhile only probe.';

-- A list of options that was in doubt and then refused as a mixed one: what each of them is, nobody knows. Written in
-- the commit that closes the list, so that neither a crash nor a change of mind in the CRM makes it forgotten.
ALTER TABLE open_plan ADD COLUMN in_question text[] NOT NULL DEFAULT '{}' CHECK (is_sorted_set(in_question));
COMMENT ON COLUMN open_plan.in_question IS
    '''on:distributor:option'', if it was to be activated, or ''off:..'': asked again one by one until answered.';
