"""What data teams read: each question of docs/data-team.md answered on known data, and nothing else to be seen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from provisioner.core.model import (
    AccountId,
    AccountState,
    ActivateOptions,
    AddMaterial,
    CreateAccount,
    DistributorCode,
    Material,
    MaterialType,
    OptionCode,
    SerialNumber,
    Subscriber,
    SuspendOptions,
)
from provisioner.steps import move_month
from tests.integration.old_requests import OLD, RUN, OldRequests, at

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "data-team.md").read_text(encoding="utf-8")
QUESTIONS = {
    int(number): sql
    for number, sql in re.findall(r"^### (\d+)\. .*?```sql\n(.*?)```", GUIDE, re.MULTILINE | re.DOTALL)
}
ALLOWED = {"request_history", "daily_summary", "batch_overview", "archive_manifest"}
ADA, BOB = "S0000000001", "S0000000002"


def activate(account: str, *codes: str) -> ActivateOptions:
    return ActivateOptions(
        account=AccountId(account),
        distributor=DistributorCode("VP1"),
        options=tuple(OptionCode(one) for one in codes),
    )


def suspend(account: str, *codes: str) -> SuspendOptions:
    return SuspendOptions(
        account=AccountId(account),
        distributor=DistributorCode("VP1"),
        options=tuple(OptionCode(one) for one in codes),
    )


def box(account: str, serial: str) -> AddMaterial:
    return AddMaterial(
        account=AccountId(account),
        material=Material(
            distributor=DistributorCode("VP1"),
            serial_number=SerialNumber(serial),
            material_type=MaterialType("HD"),
        ),
    )


def created(account: str) -> CreateAccount:
    return CreateAccount(account=AccountId(account), subscriber=Subscriber(name="Ada Prowse"))


@pytest.fixture
def told(old_requests: OldRequests) -> OldRequests:
    """Two subscribers' January (archived) and February (hot); each request took two seconds unless it says more."""
    old = old_requests
    old.make_months(*OLD)
    old.close(ADA, created(ADA), at("2026-01-05 10:00"))
    old.close(ADA, box(ADA, "BOX-1"), at("2026-01-05 10:01"))
    old.close(ADA, activate(ADA, "KIDS", "SPORT"), at("2026-01-05 10:02"))
    old.close(BOB, created(BOB), at("2026-01-06 10:00"), error_code="INVALID_REQUEST",
              error_description="name 'Bob Marsh' is too long", response=b"Bob Marsh")  # fmt: skip
    old.close(BOB, created(BOB), at("2026-01-06 11:00"))
    old.close(BOB, activate(BOB, "SPORT"), at("2026-01-06 11:01"))
    # Ada leaves SPORT: refused once, done 40 minutes after it was first wanted.
    old.close(ADA, suspend(ADA, "SPORT"), at("2026-02-10 08:20"), error_code="UNKNOWN_OPTION",
              planned_at=at("2026-02-10 08:00"))  # fmt: skip
    old.close(
        ADA, suspend(ADA, "SPORT"), at("2026-02-10 08:40"), planned_at=at("2026-02-10 08:30"), attempts=3
    )
    # Bob wants KIDS and waits an hour and a half; then it is superseded once, unsent, and he takes Ada's box.
    old.close(
        BOB, activate(BOB, "KIDS"), at("2026-02-10 10:30"), planned_at=at("2026-02-10 09:00"), attempts=2
    )
    old.close(BOB, activate(BOB, "NEWS"), at("2026-02-11 09:00"), error_code="SUPERSEDED", sent_at=None)
    old.close(BOB, box(BOB, "BOX-1"), at("2026-02-12 09:00"))
    old.owner.execute(
        "UPDATE batch SET stage = 'CLOSED', opened_at = '2026-02-10 02:00+00', closed_at = '2026-02-10 02:10+00', "
        "extracted_rows = 2, out_of_sync = 1, counts = '{\"requests_completed\": 3}'"
    )
    old.owner.execute(
        "INSERT INTO open_plan (account, plan_number, batch_id) VALUES (%s, 1, %s)", (ADA, old.batch_id)
    )
    old.owner.execute(
        "INSERT INTO open_request (sequence_number, request_number, account, plan_number, plan_position, batch_id, "
        "subscription_number, command, distributor, parameters, body, caused_by, planned_at) VALUES "
        "(99, 'PR-99', %s, 1, 1, %s, %s, 'SUSPEND_OPTIONS', 'VP1', '{\"options\": [\"KIDS\"]}', 'x', 'test', "
        "'2026-02-20 10:00+00')",
        (ADA, old.batch_id, ADA),
    )
    move_month.run(old.archive, "2026-01", RUN)
    return old


def ask(old: OldRequests, number: int) -> list[tuple[Any, ...]]:
    with psycopg.connect(old.dsn_of("data_team"), options="-c timezone=UTC") as db:
        return db.execute(QUESTIONS[number]).fetchall()


def day(text: str) -> Any:
    return at(f"{text} 00:00").date()


# What each question answers on the data above.
ANSWERS: dict[int, list[tuple[Any, ...]]] = {
    1: [
        (day("2026-01-05"), None, 5, Decimal("83.3")),
        (day("2026-01-05"), "INVALID_REQUEST", 1, Decimal("16.7")),
        (day("2026-02-09"), None, 3, Decimal("75.0")),
        (day("2026-02-09"), "UNKNOWN_OPTION", 1, Decimal("25.0")),
    ],
    2: [
        ("ACTIVATE_OPTIONS", 3, [2.0, 4860.2, 5292.04]),
        ("ADD_MATERIAL", 2, [2.0, 2.0, 2.0]),
        ("CREATE_ACCOUNT", 2, [2.0, 2.0, 2.0]),
        ("SUSPEND_OPTIONS", 1, [600.0, 600.0, 600.0]),
    ],
    3: [(ADA, "SPORT", Decimal("40.0"))],
    4: [
        (BOB, "KIDS", Decimal("90.0")),
        (ADA, "KIDS", Decimal("0.0")),
        (ADA, "SPORT", Decimal("0.0")),
        (BOB, "SPORT", Decimal("0.0")),
    ],
    5: [(ADA, 1, 1)],
    6: [
        ("ACCOUNT", None, ADA, at("2026-01-05 10:00")),
        ("OPTION", "VP1", "KIDS", at("2026-01-05 10:02")),
        ("MATERIAL", "VP1", "BOX-1", at("2026-01-05 10:01")),
    ],
    7: [(3, 2, Decimal(3), Decimal("2.00"), Decimal("90.0"))],
    8: [("KIDS", 2, 0), ("SPORT", 2, 1)],
    9: [("BOX-1", [ADA, BOB])],
    10: [(day("2026-02-10"), 2, 1, 8, 2, 0, Decimal(600))],
    11: [
        (day("2026-02-10"), Decimal(3), Decimal(1), Decimal("5400.0")),
        (day("2026-02-11"), Decimal(1), None, Decimal("2.0")),
        (day("2026-02-12"), Decimal(1), None, Decimal("2.0")),
    ],
    12: [("SUSPEND_OPTIONS", "PENDING", 1, at("2026-02-20 10:00"), 0)],
}


def test_each_of_twelve_questions_is_answered_from_hot_and_cold_alike(told: OldRequests) -> None:
    assert sorted(QUESTIONS) == sorted(ANSWERS) == list(range(1, 13))
    assert {number: ask(told, number) for number in QUESTIONS} == ANSWERS


def draw(old: OldRequests, folder: Path, *span: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "examples" / "plot_requests.py", folder, *span],
        env=os.environ | {"DATA_TEAM_DSN": old.dsn_of("data_team"), "MPLCONFIGDIR": str(folder / "mpl")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_script_draws_two_plots_of_them(told: OldRequests, tmp_path: Path) -> None:
    ran = draw(told, tmp_path, "2026-01-01", "2026-03-01")

    assert ran.returncode == 0, ran.stderr
    assert "16.7" in ran.stdout and "25.0" in ran.stdout and "600.0" in ran.stdout
    for plot in ("failures_by_week.png", "time_to_answer.png"):
        assert (tmp_path / plot).read_bytes()[:4] == b"\x89PNG"


def test_the_script_says_so_where_there_is_nothing_to_draw(told: OldRequests, tmp_path: Path) -> None:
    ran = draw(told, tmp_path, "2020-01-01", "2020-03-01")

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1].startswith("Nothing was answered from 2020-01-01")


# -- what must not be seen -------------------------------------------------------------------------


def test_the_role_may_read_the_documented_names_and_nothing_else(told: OldRequests) -> None:
    readable = told.rows(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind IN ('r', 'v', 'm', 'p', 'S', 'f') "
        "AND has_table_privilege('data_team', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')"
    )
    columns = told.rows(
        "SELECT DISTINCT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind IN ('r', 'v', 'm', 'p') AND has_any_column_privilege('data_team', oid, 'SELECT')"
    )
    running_as_others = told.rows(
        "SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef "
        "AND has_function_privilege('data_team', oid, 'EXECUTE')"
    )

    assert {name for (name,) in readable} == {name for (name,) in columns} == ALLOWED
    assert running_as_others == [("state_at",)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT body FROM request_log", "SELECT body FROM request_archive", "SELECT body FROM request_archive_2026_01",
        "SELECT * FROM known_state", "SELECT * FROM open_request", "SELECT * FROM logged_request",
        "SELECT * FROM rejected_row", "SELECT * FROM out_of_sync(1, true)", "SELECT * FROM rehome_stray_requests()",
        "INSERT INTO archive_manifest DEFAULT VALUES", "DELETE FROM request_history",
        "CREATE TABLE mine (x int)", "SELECT make_partitions()",
    ],
)  # fmt: skip
def test_the_role_is_refused_what_it_must_not_see_or_do(told: OldRequests, statement: str) -> None:
    with (
        psycopg.connect(told.dsn_of("data_team")) as db,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)),
    ):
        db.execute(statement)


def test_nothing_personal_is_in_any_column_even_if_it_slipped_into_the_log(told: OldRequests) -> None:
    told.close(ADA, created(ADA), at("2026-02-21 10:00"), parameters={"name": "Ada Prowse", "phone": "555"})
    with psycopg.connect(told.dsn_of("data_team")) as db:
        seen = "".join(
            str(row)
            for name in ALLOWED
            for row in db.execute(f"SELECT t::text FROM {name} t").fetchall()  # noqa: S608
        )
        shown = db.execute("SELECT parameters FROM request_history WHERE parameters ? 'name'").fetchone()

    assert shown == ({"name": "***", "phone": "***"},)
    assert not re.search("Prowse|Marsh|555", seen)


def test_what_tucano_says_is_read_by_those_who_may_read_the_log_and_masked_for_the_role(
    told: OldRequests,
) -> None:
    told.close(ADA, activate(ADA, "NEWS"), at("2026-02-22 10:00"), error_code="INVALID_REQUEST",
               error_description="customer Ada Prowse is blocked")  # fmt: skip
    told.close(ADA, activate(ADA, "NEWS"), at("2026-02-22 11:00"), error_code="SUPERSEDED", sent_at=None,
               error_description="never sent: no longer wanted")  # fmt: skip
    said = {}
    for role in ("data_team", "pages"):
        with psycopg.connect(told.dsn_of(role)) as db:
            db.execute("CREATE TEMPORARY TABLE request_log (mine int)")  # which its owner may read
            said[role] = {
                text
                for (text,) in db.execute(
                    "SELECT error_description FROM request_history WHERE error_description IS NOT NULL"
                ).fetchall()
            }

    ours = "never sent: no longer wanted"
    assert said == {"data_team": {"***", ours}, "pages": {"***", ours, "customer Ada Prowse is blocked"}}


# -- fast ------------------------------------------------------------------------------------------


def plan_of(old: OldRequests, condition: str) -> str:
    with psycopg.connect(old.dsn_of("data_team")) as db:
        lines = db.execute(
            f"EXPLAIN SELECT request_number FROM request_history WHERE {condition}"  # noqa: S608
        ).fetchall()
    return "\n".join(line for (line,) in lines)


@pytest.mark.parametrize(
    ("month", "table"), [("2026-01", "request_archive_2026_01"), ("2026-02", "request_log_2026_02")]
)
def test_a_time_reads_its_month_and_no_other(told: OldRequests, month: str, table: str) -> None:
    plan = plan_of(told, f"closed_at >= '{month}-10' AND closed_at < '{month}-12'")

    assert set(re.findall(r"request_(?:log|archive)_\d{4}_\d\d(?=[ \n])", plan)) == {table}
    assert "open_request" not in plan


def test_a_subscription_is_found_by_index_in_every_tier(told: OldRequests) -> None:
    told.owner.execute(
        "ALTER ROLE data_team IN DATABASE " + told.owner.info.dbname + " SET enable_seqscan = off"
    )

    plan = plan_of(told, f"subscription_number = '{ADA}'")

    assert "request_archive_2026_01_subscription_number" in plan.replace(
        "request_log_2026_01", "request_archive_2026_01"
    )
    assert "request_log_2026_02_subscription_number" in plan


# -- state at a time -------------------------------------------------------------------------------


def state(old: OldRequests, number: str, when: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(old.dsn_of("data_team"), options="-c timezone=UTC") as db:
        return db.execute("SELECT kind, code, since FROM state_at(%s, %s)", (number, at(when))).fetchall()


def test_state_at_follows_an_account_through_tiers_breaks_and_losses(old_requests: OldRequests) -> None:
    old = old_requests
    old.make_months(*OLD)
    old.close(ADA, created(ADA), at("2026-01-05 10:00"))
    old.close(ADA, activate(ADA, "KIDS"), at("2026-01-05 10:01"))
    old.close(ADA, activate(ADA, "KIDS"), at("2026-01-07 10:00"))  # said again: no break
    old.close(ADA, suspend(ADA, "KIDS"), at("2026-01-08 10:00"))
    old.close(ADA, activate(ADA, "KIDS"), at("2026-02-01 10:00"))
    old.close(ADA, activate(ADA, "SPORT"), at("2026-02-02 10:00"), error_code="UNKNOWN_ACCOUNT")
    imported = AccountState(exists=True, options=frozenset({(DistributorCode("VP1"), OptionCode("NEWS"))}))
    old.close(ADA, "IMPORT", at("2026-02-03 10:00"), state=imported)
    move_month.run(old.archive, "2026-01", RUN)
    account = [("ACCOUNT", ADA, at("2026-01-05 10:00"))]

    assert state(old, ADA, "2026-01-05 09:59") == []
    assert state(old, ADA, "2026-01-05 10:00") == account
    assert state(old, ADA, "2026-01-07 12:00") == [*account, ("OPTION", "KIDS", at("2026-01-05 10:01"))]
    assert state(old, ADA, "2026-01-31 12:00") == account
    assert state(old, ADA, "2026-02-01 12:00") == [*account, ("OPTION", "KIDS", at("2026-02-01 10:00"))]
    assert state(old, ADA, "2026-02-02 12:00") == []
    assert state(old, ADA, "2026-02-03 12:00") == [
        ("ACCOUNT", ADA, at("2026-02-03 10:00")), ("OPTION", "NEWS", at("2026-02-03 10:00")),
    ]  # fmt: skip
