"""Forgetting a person: gone from wherever the system writes text, recorded, and for good; nothing else changes."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from provisioner.adapters import archive_file
from provisioner.core.errors import ConfigurationError
from provisioner.core.model import AccountId, CreateAccount, Subscriber
from provisioner.core.retention import NotProven
from provisioner.steps import (
    delete_month,
    export_month,
    forget_person,
    import_month,
    move_month,
    prove_archive,
)
from tests.e2e.conftest import rows_holding
from tests.integration.archive_at_work import Worker
from tests.integration.old_requests import OLD, RUN, OldRequests, at


def folder(old: OldRequests) -> list[str]:
    return sorted(path.name for path in old.archive.files().iterdir())


def personal(old: OldRequests) -> int:
    """How many rows of S0000000001, hot and cold, hold something personal."""
    ((rows,),) = old.rows(
        "SELECT count(*) FROM (SELECT account, body, response FROM request_log UNION ALL "
        "SELECT account, body, response FROM request_archive) r WHERE account = 'S0000000001' "
        "AND (response IS NOT NULL OR body LIKE '%ada@example.com%'::bytea)"
    )
    return int(rows)


def everything_else(old: OldRequests) -> list[tuple[Any, ...]]:
    """All columns of everybody else's requests, and of this one's all that is not personal."""
    return old.rows(
        "SELECT r.account, r.log_number, CASE WHEN r.account = 'S0000000001' THEN NULL ELSE body END, "
        "parameters::text, state, error_code, closed_at "
        "FROM (TABLE request_log UNION ALL TABLE request_archive) r ORDER BY 2"
    )


@pytest.fixture
def spread(old_requests: OldRequests) -> OldRequests:
    """S0000000001 created in January (archived, exported) and in February (hot), among others."""
    old_requests.make_months(*OLD)
    old_requests.fill(OLD)
    for month in ("2026-01", "2026-02"):
        old_requests.close(
            "S0000000001", created("S0000000001"), at(f"{month}-15 12:00"), response=b"Welcome, Ada Prowse"
        )
    move_month.run(old_requests.archive, "2026-01", RUN)
    export_month.run(old_requests.archive, "2026-01", RUN)
    assert personal(old_requests) >= 2
    return old_requests


def created(account: str) -> CreateAccount:
    return CreateAccount(
        account=AccountId(account), subscriber=Subscriber(name="Ada Prowse", email="ada@example.com")
    )


def in_files(old: OldRequests) -> list[str]:
    """The exported files that still hold something of S0000000001's subscriber."""
    return [
        path.name
        for path in old.archive.files().glob("*.parquet")
        for row in archive_file.read(path)
        if row[5] == "S0000000001" and (row[-1] is not None or b"ada@example.com" in (row[-2] or b""))
    ]


def test_a_person_is_forgotten_hot_cold_and_exported_and_nothing_else_is(spread: OldRequests) -> None:
    before = everything_else(spread)
    assert in_files(spread)

    forgotten = forget_person.run(spread.archive, "S0000000001", "request 7", RUN)

    assert all(forgotten[tier] for tier in ("hot", "cold", "exported"))
    assert (personal(spread), in_files(spread)) == (0, [])
    assert everything_else(spread) == before
    assert len(folder(spread)) == 2, "the edition with the personal data is gone"
    prove_archive.run(spread.archive)


def test_forgetting_is_in_the_chain_and_the_month_can_still_be_exported_deleted_and_brought_back(
    spread: OldRequests,
) -> None:
    forget_person.run(spread.archive, "S0000000001", "request 7", RUN)

    ((tier, reason, changed),) = spread.rows(
        "SELECT tier, reason, checksum_after = file_checksum AND checksum_before <> checksum_after "
        "FROM archive_manifest WHERE operation = 'FORGET' AND month = '2026-01-01'"
    )
    again = export_month.run(spread.archive, "2026-01", RUN)
    delete_month.run(spread.archive, again, RUN, approved_by="Ada")
    import_month.run(spread.archive, "2026-01", RUN)

    assert (tier, reason, changed) == ("cold", "S0000000001: request 7", True)
    assert personal(spread) == 0


def test_a_person_is_forgotten_in_the_file_of_a_deleted_month(spread: OldRequests) -> None:
    exported = export_month.run(spread.archive, "2026-01", RUN)
    delete_month.run(spread.archive, exported, RUN, approved_by="Ada")

    forgotten = forget_person.run(spread.archive, "S0000000001", "request 7", RUN)
    import_month.run(spread.archive, "2026-01", RUN)

    assert (forgotten["cold"], forgotten["exported"] > 0) == (0, True)
    assert (personal(spread), in_files(spread)) == (0, [])


def test_forgetting_twice_changes_and_records_nothing_more(spread: OldRequests) -> None:
    forget_person.run(spread.archive, "S0000000001", "request 7", RUN)
    rows = spread.count("archive_manifest")

    again = forget_person.run(spread.archive, "S0000000001", "request 7", RUN)

    assert (again["hot"], again["cold"], again["exported"]) == (0, 0, 0)
    assert spread.count("archive_manifest") == rows


@pytest.mark.parametrize(
    "failpoint", ["forget.after_texts", "forget.before_commit", "forget.after_file", "forget.after_commit"]
)
def test_killed_while_forgetting_the_next_call_finishes_it(
    spread: OldRequests, archive_worker: Worker, failpoint: str
) -> None:
    assert archive_worker.end_at(spread, "forget", failpoint) == -9

    forget_person.run(spread.archive, "S0000000001", "request 7", RUN)

    assert (personal(spread), in_files(spread)) == (0, [])
    assert len(folder(spread)) == 2
    export_month.run(spread.archive, "2026-01", RUN)


def test_a_person_with_an_open_request_is_not_forgotten_yet(spread: OldRequests) -> None:
    spread.owner.execute(
        "INSERT INTO open_plan (account, plan_number, batch_id) VALUES ('S0000000001', 1, %s)",
        (spread.batch_id,),
    )
    spread.owner.execute(
        "INSERT INTO open_request (sequence_number, request_number, account, plan_number, plan_position, batch_id, "
        "subscription_number, command, parameters, body, caused_by) VALUES "
        "(9, 'PR-9', 'S0000000001', 1, 1, %s, 'S0000000001', 'CREATE_ACCOUNT', '{}', 'x', 'test')",
        (spread.batch_id,),
    )

    with pytest.raises(ConfigurationError, match="1 requests of S0000000001"):
        forget_person.run(spread.archive, "S0000000001", "request 7", RUN)


# -- wherever text is written ----------------------------------------------------------------------

PERSON = {
    "name": "Ada Prowse-Tumbleweed",
    "email": "ada.prowse@example.com",
    "phone": "+357 99 123456",
    "address": "7 Thimble Lane, Limassol",
}
SOMEBODY_ELSE = "Bo Quince"


def said(who: dict[str, str]) -> str:
    return " / ".join(who.values())


def planted(old: OldRequests) -> None:
    """Write the person into every column of text that the system fills by itself."""
    text = said(PERSON) + " and " + SOMEBODY_ELSE
    create = CreateAccount(account=AccountId("S0000000001"), subscriber=Subscriber(**PERSON))
    for month in ("2026-01", "2026-02"):
        old.close(
            "S0000000001",
            create,
            at(f"{month}-15 12:00"),
            response=text.encode(),
            error_description=text,
            already=True,
        )
    with psycopg.connect(old.dsn_of("provisioner"), autocommit=True) as db:
        db.execute(
            "UPDATE batch SET summary = %(t)s, failures = ARRAY['close: fine', %(t)s], held_because = %(t)s, "
            "platform_down = %(t)s, not_whole_because = ARRAY[%(t)s]",
            {"t": text},
        )
        db.execute(
            "INSERT INTO batch_item (batch_id, account, subscription_numbers, withheld_because, outcome, explanation, "
            "finished_at) SELECT batch_id, 'S0000000001', '{S0000000001,S0000000055}', ARRAY[%(t)s], 'REJECTED', "
            "%(t)s, now() FROM batch",
            {"t": text},
        )
        db.execute(
            "INSERT INTO rejected_row (batch_id, account, subscription_number, reason, explanation) "
            "SELECT batch_id, account, number, 'MALFORMED_ROW', %(t)s FROM batch, "
            "(VALUES ('S0000000001', NULL), (NULL, 'S0000000001')) AS r (account, number)",
            {"t": text},
        )
        db.execute(
            "INSERT INTO desired_state (batch_id, understood, active, account, subscription_numbers, options, "
            "materials, kept, withheld_because) SELECT batch_id, true, true, 'S0000000001', "
            "'{S0000000001,S0000000066}', '{}', '{}', '{}', ARRAY[%(t)s] FROM batch",
            {"t": text},
        )
    with psycopg.connect(old.dsn_of("pages"), autocommit=True) as db:
        db.execute(
            "INSERT INTO authentication_attempt (asked_by, identifier_kind, identifier_mark, subscription_number, "
            "outcome) SELECT 'portal', 'SUBSCRIPTION', sha256('x'), number, 'GRANTED' "
            "FROM (VALUES ('S0000000001'), ('S0000000002')) AS n (number)"
        )


def anywhere(old: OldRequests) -> dict[str, list[str]]:
    """Where each word about the person can still be read: every table, also as bytes, and every file."""
    dsn = f"{old.owner.info.dsn} password={old.owner.info.password}"
    found: dict[str, list[str]] = {}
    for word in PERSON.values():
        found[word] = [
            *rows_holding(dsn, word),
            *rows_holding(dsn, word.encode().hex()),
            *(
                path.name
                for path in old.archive.files().glob("*.parquet")
                for row in archive_file.read(path)
                if word in repr(row)
            ),
        ]
    return found


@pytest.fixture
def everywhere(old_requests: OldRequests) -> OldRequests:
    """A person in every place; January is archived and exported, February hot."""
    old_requests.make_months(*OLD)
    old_requests.fill(OLD)
    planted(old_requests)
    move_month.run(old_requests.archive, "2026-01", RUN)
    export_month.run(old_requests.archive, "2026-01", RUN)
    return old_requests


def test_nothing_of_a_forgotten_person_can_be_read_in_any_table_or_file(everywhere: OldRequests) -> None:
    before = anywhere(everywhere)
    places = {place.rpartition(".")[2] for place in before[PERSON["name"]]}
    assert {
        "batch",
        "batch_item",
        "rejected_row",
        "desired_state",
        "request_log_2026_02",
        "parquet",
    } <= places

    forgotten = forget_person.run(everywhere.archive, "S0000000001", "request 7", RUN)

    assert anywhere(everywhere) == {word: [] for word in PERSON.values()}
    assert {name: forgotten[name] for name in ("batch", "batch_item", "rejected_row", "authentication_attempt")} == {
        "batch": 1, "batch_item": 1, "rejected_row": 2, "authentication_attempt": 1
    }  # fmt: skip
    ((summary, failures),) = everywhere.rows("SELECT summary, failures FROM batch")
    assert SOMEBODY_ELSE in summary and failures[0] == "close: fine"
    assert everywhere.rows("SELECT subscription_number FROM authentication_attempt") == [("S0000000002",)]
    assert everywhere.rows("SELECT subscription_number, reason, performed_by FROM forgotten_person") == [
        ("S0000000001", "request 7", "tester")
    ]
    prove_archive.run(everywhere.archive)


@pytest.mark.parametrize("merged", ["S0000000055", "S0000000066"])
def test_a_person_is_found_by_another_subscription_of_the_account(
    everywhere: OldRequests, merged: str
) -> None:
    forget_person.run(everywhere.archive, merged, "request 7", RUN)

    assert anywhere(everywhere) == {word: [] for word in PERSON.values()}


def test_an_edition_from_before_the_forgetting_does_not_come_back(everywhere: OldRequests) -> None:
    exported = export_month.run(everywhere.archive, "2026-01", RUN)
    old_edition = (everywhere.archive.files() / exported["file"]).read_bytes()
    delete_month.run(everywhere.archive, exported, RUN, approved_by="Ada")
    forget_person.run(everywhere.archive, "S0000000001", "request 7", RUN)
    ((file,),) = everywhere.rows("SELECT file FROM archive_manifest ORDER BY manifest_number DESC LIMIT 1")
    forgotten = (everywhere.archive.files() / file).read_bytes()

    (everywhere.archive.files() / file).write_bytes(old_edition)
    with pytest.raises(NotProven, match="sha256"):
        import_month.run(everywhere.archive, "2026-01", RUN)
    (everywhere.archive.files() / file).write_bytes(forgotten)
    import_month.run(everywhere.archive, "2026-01", RUN)

    assert anywhere(everywhere) == {word: [] for word in PERSON.values()}


def test_a_reason_that_names_the_person_is_refused(everywhere: OldRequests) -> None:
    with pytest.raises(ConfigurationError, match="names the person"):
        forget_person.run(everywhere.archive, "S0000000001", f"letter of {PERSON['email'].upper()}", RUN)

    assert everywhere.count("forgotten_person") == 0
