-- The archive: months that are given back, answers that are kept, people who are forgotten wherever text is written,
-- and subscriptions of an account whose requests bear another subscription's number. Runs as provisioning_owner.

-- RETURN: the look back at a move did not find what it must, and the month is hot again.
-- KEEP: a person was asked whether to delete the month, and it stays.
ALTER TABLE archive_manifest DROP CONSTRAINT archive_manifest_operation_check;
ALTER TABLE archive_manifest ADD CONSTRAINT archive_manifest_operation_check
    CHECK (operation IN ('ARCHIVE', 'EXPORT', 'DELETE', 'KEEP', 'IMPORT', 'FORGET', 'RETURN'));
COMMENT ON COLUMN archive_manifest.reason IS
    'Who answered when asked to delete it; why a person is forgotten; why a month was given back.';

-- Which accounts are a subscription's? Several subscriptions of one account are merged (decision 1), and its requests
-- bear the number of one of them. For the few who ask, against a write for each account that is out of sync: the list
-- of late entries makes that cheap.
CREATE INDEX batch_item_subscriptions ON batch_item USING gin (subscription_numbers);
GRANT SELECT (batch_id, account, subscription_numbers) ON batch_item TO archivist;

-- The accounts that a subscription was seen with, and when: by its requests, and by the accounts found out of sync.
CREATE FUNCTION accounts_of(of_subscription text) RETURNS TABLE (account text, seen_at timestamptz)
    LANGUAGE sql STABLE AS $$
    SELECT r.account, r.closed_at FROM logged_request r WHERE r.subscription_number = of_subscription
    UNION ALL
    SELECT i.account, b.opened_at FROM batch_item i JOIN batch b USING (batch_id)
    WHERE i.subscription_numbers @> ARRAY[of_subscription]
$$;
REVOKE ALL ON FUNCTION accounts_of(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_of(text) TO archivist;

-- What was Tucano known to have for a subscription at a time? One row a thing; kind ACCOUNT, OPTION or MATERIAL; code an
-- option or a serial number; since: acknowledged then, and without a break since. The state is the account's, to which
-- the subscription belonged then: as last seen by that time, else as first seen after it, else as last landed, else
-- the account called like it (decision 1). Fails where the answer lies in a month that was deleted, and names its file.
CREATE OR REPLACE FUNCTION state_at(subscription_number text, at timestamptz)
    RETURNS TABLE (distributor text, kind text, code text, since timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    of_account text;
    missing record;
BEGIN
    IF at IS NULL OR state_at.subscription_number IS NULL THEN
        RAISE EXCEPTION 'state_at needs a subscription number and a time';
    END IF;
    SELECT s.account INTO of_account FROM accounts_of(state_at.subscription_number) s
    ORDER BY s.seen_at <= at DESC, abs(extract(epoch FROM s.seen_at - at)) LIMIT 1;
    -- One that joined an account and changed nothing was never out of sync: only the extract knows it. It has no index
    -- for that, since it is landed anew each night.
    IF of_account IS NULL THEN
        SELECT d.account INTO of_account FROM desired_state d
        WHERE d.subscription_numbers @> ARRAY[state_at.subscription_number] LIMIT 1;
    END IF;
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

-- Every time a person was forgotten: that it was done, by whom and why, and never who he was.
CREATE TABLE forgotten_person (
    forgotten_number    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_number text NOT NULL,
    accounts            text[] NOT NULL,
    reason              text NOT NULL,
    performed_by        text NOT NULL,
    run_id              text NOT NULL,
    forgotten_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    rows_changed        jsonb NOT NULL
);
COMMENT ON COLUMN forgotten_person.rows_changed IS 'How many rows had something of his, by place.';
GRANT SELECT, INSERT ON forgotten_person TO archivist;
GRANT SELECT ON forgotten_person TO pages;

CREATE FUNCTION without_words(said text, words text[]) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    word text;
BEGIN
    FOREACH word IN ARRAY words LOOP
        said := replace(said, word, '***');
    END LOOP;
    RETURN said;
END $$;

CREATE FUNCTION without_words(said text[], words text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE
    RETURN (SELECT coalesce(array_agg(without_words(one, words) ORDER BY n), '{}')
            FROM unnest(said) WITH ORDINALITY AS s (one, n));

-- Forget people in all that is written about requests besides the log itself. Rows about them lose their text, texts
-- about many lose the *words*: their names, addresses and numbers. Attempts to authenticate them are removed.
-- Returns how many rows had something, by table.
-- With the owner's rights, so that archivist may blank, and cannot write, what is not his.
CREATE FUNCTION forget_in_texts(of_accounts text[], of_subscriptions text[], words text[]) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found jsonb := '{}';
    changed bigint;
BEGIN
    UPDATE rejected_row SET explanation = '***'
    WHERE (account = ANY (of_accounts) OR subscription_number = ANY (of_subscriptions)) AND explanation <> '***';
    GET DIAGNOSTICS changed = ROW_COUNT;
    found := found || jsonb_build_object('rejected_row', changed);

    UPDATE batch_item SET explanation = CASE WHEN explanation IS NOT NULL THEN '***' END,
        withheld_because = without_words(withheld_because, words)
    WHERE account = ANY (of_accounts)
      AND (explanation <> '***' OR withheld_because <> without_words(withheld_because, words));
    GET DIAGNOSTICS changed = ROW_COUNT;
    found := found || jsonb_build_object('batch_item', changed);

    UPDATE desired_state SET withheld_because = without_words(withheld_because, words)
    WHERE account = ANY (of_accounts) AND withheld_because <> without_words(withheld_because, words);
    GET DIAGNOSTICS changed = ROW_COUNT;
    found := found || jsonb_build_object('desired_state', changed);

    UPDATE batch SET summary = without_words(summary, words), failures = without_words(failures, words),
        held_because = without_words(held_because, words), platform_down = without_words(platform_down, words),
        not_whole_because = without_words(not_whole_because, words)
    WHERE ROW(summary, failures, held_because, platform_down, not_whole_because)
       IS DISTINCT FROM ROW(without_words(summary, words), without_words(failures, words),
                            without_words(held_because, words), without_words(platform_down, words),
                            without_words(not_whole_because, words));
    GET DIAGNOSTICS changed = ROW_COUNT;
    found := found || jsonb_build_object('batch', changed);

    DELETE FROM authentication_attempt WHERE subscription_number = ANY (of_subscriptions);
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN found || jsonb_build_object('authentication_attempt', changed);
END $$;
REVOKE ALL ON FUNCTION forget_in_texts(text[], text[], text[]), without_words(text, text[]), without_words(text[], text[])
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_in_texts(text[], text[], text[]) TO archivist;
