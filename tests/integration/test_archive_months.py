"""Which months move, the partitions they need, and what the role that moves them may not do."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from provisioner.core.errors import SourceError
from provisioner.core.model import AccountState
from provisioner.steps import choose_months, maintain_partitions, move_month
from tests.integration.old_requests import OLD, RUN, OldRequests, at


@pytest.fixture
def filled(old_requests: OldRequests) -> OldRequests:
    """Two old months with 60 requests of 8 accounts."""
    old_requests.make_months(*OLD)
    old_requests.fill(OLD)
    return old_requests


def months_of(old: OldRequests, table: str) -> dict[str, int]:
    return dict(old.rows(f"SELECT to_char(closed_at, 'YYYY-MM'), count(*) FROM {table} GROUP BY 1"))  # noqa: S608


# -- which months ----------------------------------------------------------------------------------


def test_a_dry_run_shows_months_rows_and_bytes_and_moves_nothing(filled: OldRequests) -> None:
    chosen = choose_months.run(filled.archive, {"before": "2026-02-01T00:00:00Z", "keep_days": 90})

    assert [(one["month"], one["rows"]) for one in chosen["months"]] == [
        ("2026-01", months_of(filled, "request_log")["2026-01"])
    ]
    assert chosen["months"][0]["bytes"] > 8192
    assert choose_months.to_move(chosen, {"dry_run": True}) == []
    assert choose_months.to_move(chosen, {"dry_run": False}) == ["2026-01"]
    assert filled.count("request_archive") == 0


def test_the_current_month_is_never_chosen(filled: OldRequests) -> None:
    chosen = choose_months.run(filled.archive, {"keep_days": 1})

    assert [one["month"] for one in chosen["months"]] == ["2026-01", "2026-02"]


def test_a_month_with_rows_astray_is_not_moved_and_the_cure_brings_them_home(filled: OldRequests) -> None:
    filled.close("S0000000001", "CHECKPOINT", at("2025-12-24 12:00"), state=AccountState())
    with pytest.raises(SourceError, match=r"1 closed requests of 2025-12-24 .* rehome_stray_requests"):
        maintain_partitions.refuse_strays(filled.archive)

    with filled.archive.open() as db:
        homes = db.execute("SELECT month::text, requests FROM rehome_stray_requests()").fetchall()

    assert homes == [("2025-12-01", 1)]
    assert maintain_partitions.refuse_strays(filled.archive) == 0
    assert filled.count("request_log_2025_12") == 1


def test_a_stray_of_an_archived_month_comes_home_once_a_person_has_set_its_time_right(
    filled: OldRequests,
) -> None:
    move_month.run(filled.archive, "2026-01", RUN)
    filled.close("S0000000001", "CHECKPOINT", at("2026-01-24 12:00"), state=AccountState())
    with filled.archive.open() as db:
        with pytest.raises(psycopg.errors.RaiseException, match="2026-01: that month is archived already"):
            db.execute("SELECT * FROM rehome_stray_requests()")
        (stray,) = db.execute("SELECT request_number, closed_at FROM request_log_default").fetchall()

        # As docs/archive.md says.
        db.execute(
            "UPDATE request_log SET closed_at = '2026-02-27 10:00+00' WHERE request_number = %s AND closed_at = %s",
            stray,
        )

    assert maintain_partitions.refuse_strays(filled.archive) == 0
    assert filled.rows(
        "SELECT tableoid::regclass::text FROM request_log WHERE request_number = %s", stray[0]
    ) == [("request_log_2026_02",)]


def test_partitions_are_made_ahead_though_rows_are_astray(filled: OldRequests) -> None:
    filled.close("S0000000001", "CHECKPOINT", at("2025-12-24 12:00"), state=AccountState())
    ((latest,),) = filled.rows(
        "SELECT max(relname::text) FROM pg_class WHERE relname ~ '^request_log_\\d{4}_\\d\\d$'"
    )
    filled.owner.execute(f"DROP TABLE {latest}")

    assert maintain_partitions.run(filled.archive) == [latest]


# -- rights ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        *(
            f"INSERT INTO {table} DEFAULT VALUES"
            for table in ("known_state", "open_request", "open_plan", "batch")
        ),
        *(
            f"DELETE FROM {table}"  # noqa: S608
            for table in ("known_state", "open_request", "archive_manifest", "desired_state")
        ),
        "UPDATE known_state SET version = 2",
        "UPDATE open_request SET attempts = 9",
        "UPDATE archive_manifest SET rows_before = 0",
        "TRUNCATE known_state",
        "ALTER TABLE known_state ADD COLUMN x text",
    ],
)
def test_the_role_that_archives_can_write_nothing_that_is_compared(
    filled: OldRequests, statement: str
) -> None:
    with filled.archive.open() as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute(statement)


def test_days_to_keep_come_from_the_provider_file_unless_a_run_says_otherwise(
    filled: OldRequests, tmp_path: Path
) -> None:
    shipped = Path("include/provider/tucano.yaml").read_text()
    ours = tmp_path / "tucano.yaml"
    ours.write_text(shipped.replace("keep_days: 90", "keep_days: 36500"))
    assert ours.read_text() != shipped

    assert choose_months.run(filled.archive, {"keep_days": None}, ours)["months"] == []
    assert len(choose_months.run(filled.archive, {"keep_days": 30}, ours)["months"]) == 2


def test_the_numbers_of_subscriptions_are_found_also_where_all_requests_are_archived(
    filled: OldRequests,
) -> None:
    from provisioner.adapters import sql

    filled.close(
        "S0000000001", "CHECKPOINT", at("2026-01-31 12:00"), state=AccountState(), subscription_number="S77"
    )
    for month in ("2026-01", "2026-02"):
        move_month.run(filled.archive, month, RUN)

    found = sql.rows(filled.db, "request_log/read_subscription_numbers", accounts=["S0000000001"])

    assert filled.count("request_log") == 0
    assert sorted(found) == [("S0000000001", "S0000000001"), ("S0000000001", "S77")]
