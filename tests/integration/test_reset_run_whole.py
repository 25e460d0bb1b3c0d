"""A whole base in one run, the generator's with every deliberate case: rest, dry runs, what is kept of a request."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.integration.conftest import Stages
from tests.integration.stage import Stage
from tests.simulator_process import SimulatorProcess

REJECTED_SERIAL = "MATERIAL_REGISTERED_ELSEWHERE"


@pytest.fixture(scope="module")
def base(stages: Stages, crm_template: str) -> Iterator[Stage]:
    """The generator's base after its first run, on a platform of its own."""
    with SimulatorProcess() as platform, stages(platform, crm_template) as stage:
        stage.run()
        yield stage


def test_a_first_run_brings_tucano_in_step_but_for_what_it_refused(base: Stage) -> None:
    held = base.platform.accounts()
    known = dict(base.rows("SELECT account, (options, material_places(materials))::text FROM known_state"))

    assert len(known) > 100
    assert set(held) == set(known)
    for account in known:
        assert base.holds(account) == base.known(account)


def test_a_second_run_sends_nothing_for_accounts_whose_requests_were_all_accepted(base: Stage) -> None:
    refused = {
        account for (account,) in base.rows("SELECT account FROM request_log WHERE state = 'REJECTED'")
    }
    base.forget_sent()

    base.run()

    assert refused
    assert {entry["account"] for entry in base.ledger()} <= refused


def test_what_is_still_planned_is_explained_by_its_last_rejection_or_by_what_is_withheld(base: Stage) -> None:
    base.run()

    unexplained = base.rows(
        """
        SELECT i.account, i.planned FROM batch_item i
        WHERE i.batch_id = (SELECT max(batch_id) FROM batch) AND i.withheld_because = '{}' AND NOT EXISTS (
            SELECT FROM request_log l WHERE l.account = i.account AND l.state = 'REJECTED'
            AND l.log_number = (SELECT max(log_number) FROM request_log m WHERE m.account = i.account))
        """
    )
    assert unexplained == []


def test_the_only_refusals_are_boxes_that_are_installed_twice(base: Stage) -> None:
    assert {code for (code,) in base.rows("SELECT error_code FROM request_log WHERE state = 'REJECTED'")} == {
        REJECTED_SERIAL
    }


def test_every_request_that_was_sent_is_kept_as_the_platform_got_it_and_answered_it(base: Stage) -> None:
    received = {entry["request_number"]: entry for entry in base.platform.ledger()}
    kept = base.rows(
        "SELECT request_number, body, response, account, command FROM request_log WHERE sent_at IS NOT NULL"
    )

    assert {number for number, *_ in kept} == set(received)
    for number, body, response, account, command in kept:
        entry = received[number]
        assert json.loads(response) == entry["body"]
        assert hashlib.sha256(body).hexdigest() == entry["digest"]
        assert (account, command) == (entry["account"], entry["command"])


def test_every_request_is_kept_with_the_attributes_of_the_domain(base: Stage) -> None:
    missing = base.rows(
        """
        SELECT l.request_number FROM request_log l
        LEFT JOIN batch b USING (batch_id) LEFT JOIN provider_version p ON p.hash = b.provider_hash
        WHERE l.sent_at IS NOT NULL AND NOT (
            l.sequence_number > 0 AND l.request_number <> '' AND l.subscription_number LIKE 'S%'
            AND l.state IN ('COMPLETED', 'REJECTED')
            AND l.planned_at <= l.sent_at AND l.sent_at <= l.closed_at AND l.attempts > 0
            AND (l.state = 'REJECTED') = (l.error_code IS NOT NULL AND l.error_description IS NOT NULL)
            AND (l.state = 'COMPLETED') = (l.reference_number IS NOT NULL)
            AND (l.command = 'CREATE_ACCOUNT') = (l.distributor IS NULL)
            AND l.caused_by = 'RESET_RUN ' || b.run_id AND b.requested_by = 'tester' AND p.name = 'Tucano')
        """
    )
    assert missing == []


def test_sequence_numbers_give_the_order_of_sending_within_an_account(base: Stage) -> None:
    by_account: dict[str, list[str]] = {}
    for entry in base.platform.ledger():
        by_account.setdefault(entry["account"], []).append(entry["request_number"])

    assert all(numbers == sorted(numbers) for numbers in by_account.values())


def test_personal_data_is_in_the_body_of_create_account_and_nowhere_else(base: Stage) -> None:
    name, email, phone = base.crm.execute(
        """
        SELECT a.name, a.email, a.phone FROM crm.accounts a JOIN crm.subscriptions s USING (account_number)
        WHERE s.state = 'EFFECTIVE' AND a.email IS NOT NULL AND a.phone IS NOT NULL ORDER BY 1 LIMIT 1
        """
    ).fetchone() or pytest.fail("nobody has an e-mail address")
    base.run()

    found: Counter[str] = Counter()
    for needle in (name, email, phone):
        for table, row in everything(base.db):
            if needle in row:
                found[table] += 1

    assert set(found) == {"request_log.CREATE_ACCOUNT"}


def everything(db: psycopg.Connection[Any]) -> Iterator[tuple[str, str]]:
    """Every row of every table and view as a text, binary columns read as UTF-8, by table (and command)."""
    tables = db.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')"
    ).fetchall()
    for (table,) in tables:
        if table == "schema_version" or not readable(db, table):
            continue
        cursor = db.execute(f"SELECT * FROM {table}".encode())  # noqa: S608 a name of the catalogue
        names = [column.name for column in cursor.description or ()]
        for row in cursor:
            shown = " ".join(one.decode() if isinstance(one, bytes) else str(one) for one in row)
            is_body = table == "request_log"
            yield (f"{table}.{row[names.index('command')]}" if is_body else table), shown


def readable(db: psycopg.Connection[Any], table: str) -> bool:
    ((may,),) = db.execute("SELECT has_table_privilege(%s, 'SELECT')", (table,)).fetchall()
    return bool(may)


def test_two_dry_runs_give_the_same_plan_and_hash_and_send_nothing(base: Stage) -> None:
    for (number,) in base.crm.execute(
        "SELECT subscription_number FROM crm.subscriptions WHERE state = 'EFFECTIVE' ORDER BY 1 LIMIT 20"
    ).fetchall():
        base.act("DEACTIVATE_SUBSCRIPTION", number)
    base.forget_sent()
    requests = base.rows("SELECT count(*) FROM request_log")

    base.run(dry_run=True)
    base.run(dry_run=True)

    plans = base.rows(
        """
        SELECT plan_hash, (SELECT jsonb_agg(jsonb_build_array(account, planned) ORDER BY account) FROM batch_item
                           WHERE batch_id = b.batch_id)
        FROM batch b WHERE dry_run ORDER BY batch_id
        """
    )
    assert plans[0] == plans[1]
    assert len(plans[0][1]) >= 20
    assert base.ledger() == []
    assert base.rows("SELECT count(*) FROM request_log") == requests
    assert base.rows("SELECT count(*) FROM open_request") == [(0,)]
    assert base.rows("SELECT count(*) FROM held_removal h JOIN batch b USING (batch_id) WHERE b.dry_run") == [
        (0,)
    ]


def test_another_plan_has_another_hash(base: Stage) -> None:
    base.run(dry_run=True)
    base.subscriber("NEWS", boxes={})
    base.run(dry_run=True)

    before, after = base.rows("SELECT plan_hash FROM batch WHERE dry_run ORDER BY batch_id DESC LIMIT 2")
    assert before != after
