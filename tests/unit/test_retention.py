"""Which months leave the hot log, and what refuses a move: pure rules, by example."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from provisioner.core import retention
from provisioner.core.errors import ConfigurationError
from provisioner.core.policy import DEFAULT_SETTINGS
from provisioner.core.retention import Content, Fold, HotMonth, Month, NotProven, Partition

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def month(text: str) -> Month:
    return retention.parse_month(text)


def hot(*months: str) -> list[HotMonth]:
    return [HotMonth(month=month(one), bytes=1, strays=False) for one in months]


def moved(*months: str, before: datetime, now: datetime = NOW) -> list[str]:
    return [str(one.month) for one in retention.months_to_move(hot(*months), cutoff=before, now=now)]


def test_only_whole_months_that_ended_before_the_cutoff_move_oldest_first() -> None:
    cutoff = datetime(2026, 8, 24, tzinfo=UTC)

    assert moved("2026-08", "2026-07", "2026-06", "2026-11", before=cutoff) == ["2026-06", "2026-07"]


def test_a_month_that_ends_at_the_cutoff_moves() -> None:
    assert moved("2026-07", before=datetime(2026, 8, 1, tzinfo=UTC)) == ["2026-07"]
    assert moved("2026-07", before=datetime(2026, 7, 31, 23, 59, tzinfo=UTC)) == []


def test_a_month_is_left_alone_until_it_has_been_over_for_a_day() -> None:
    first = datetime(2026, 11, 1, tzinfo=UTC)

    assert moved("2026-10", before=first + timedelta(hours=23), now=first + timedelta(hours=23)) == []
    assert moved("2026-10", before=first + timedelta(hours=24), now=first + timedelta(hours=24)) == [
        "2026-10"
    ]


def test_days_to_keep_are_ninety_unless_the_operator_says_otherwise_and_a_time_wins() -> None:
    before = datetime(2026, 5, 1, tzinfo=UTC)

    assert DEFAULT_SETTINGS.keep_days == 90
    assert retention.cutoff(before=None, keep_days=30, now=NOW) == NOW - timedelta(days=30)
    assert retention.cutoff(before=before, keep_days=30, now=NOW) == before


@pytest.mark.parametrize(
    ("before", "keep_days", "says"),
    [
        (None, 0, "keep at least one day"),
        (datetime(2026, 5, 1), 90, "without a time zone"),  # noqa: DTZ001
        (NOW + timedelta(seconds=1), 90, "in the future"),
    ],
)
def test_a_cutoff_that_makes_no_sense_is_refused(before: datetime | None, keep_days: int, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        retention.cutoff(before=before, keep_days=keep_days, now=NOW)


@pytest.mark.parametrize("text", ["2026", "2026-13", "2026-01-01", "January", ""])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="write it as 2026-08"):
        retention.parse_month(text)


def test_a_month_knows_its_bounds_and_its_tables_suffix() -> None:
    december = month("2026-12")

    assert (december.begins_at, december.ends_at) == (
        datetime(2026, 12, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    )
    assert (december.suffix, str(december)) == ("2026_12", "2026-12")
    with pytest.raises(ConfigurationError):
        Month(first_day=date(2026, 12, 2))


HOT = Partition(parent="request_log", table=1, file=10, touched=0)
OTHER = Partition(parent="request_log", table=2, file=20, touched=0)
COLD = Partition(parent="request_archive", table=1, file=10, touched=0)


def test_a_move_of_one_table_and_nothing_else_passes() -> None:
    retention.refuse_other_partitions([HOT, OTHER], [COLD, OTHER], moved=1, to="request_archive")


def test_what_the_session_touched_before_the_move_is_not_held_against_it() -> None:
    touched = [replace(one, touched=3) for one in (HOT, OTHER)]
    moved = [replace(COLD, touched=3), touched[1]]

    retention.refuse_other_partitions(touched, moved, moved=1, to="request_archive")


@pytest.mark.parametrize(
    "after",
    [
        pytest.param([COLD], id="another month is gone"),
        pytest.param([HOT, OTHER], id="nothing moved"),
        pytest.param(
            [OTHER, Partition(parent="request_archive", table=1, file=11, touched=0)], id="rewritten"
        ),
        pytest.param(
            [OTHER, Partition(parent="request_archive", table=1, file=10, touched=1)], id="a row touched"
        ),
    ],
)
def test_a_move_that_changes_anything_else_is_refused(after: list[Partition]) -> None:
    with pytest.raises(NotProven, match="rolled back"):
        retention.refuse_other_partitions([HOT, OTHER], after, moved=1, to="request_archive")


def test_another_content_or_another_fold_is_refused() -> None:
    content = Content(rows=2, checksum=7, first_log_number=1, last_log_number=2)
    fold = Fold(accounts=1, accounts_digest=5, things=2, things_digest=9)
    retention.refuse_other_content(2, 7, content, month=month("2026-01"))
    retention.refuse_another_fold(fold, fold, [], when="now")

    with pytest.raises(NotProven, match="2026-01 had 2 rows"):
        retention.refuse_other_content(
            2,
            7,
            Content(rows=2, checksum=8, first_log_number=1, last_log_number=2),
            month=month("2026-01"),
        )
    with pytest.raises(NotProven, match="S1 differs"):
        retention.refuse_another_fold(
            fold, Fold(accounts=1, accounts_digest=5, things=2, things_digest=8), ["S1 differs"], when="now"
        )


@pytest.mark.parametrize("days", [None, 90, 30])
def test_attempts_to_authenticate_are_kept_for_at_least_their_days(days: int | None) -> None:
    cutoff = retention.attempts_cutoff(keep_days=days, now=NOW)

    assert timedelta(0) < NOW - timedelta(days=days or 90) - cutoff <= timedelta(hours=1)


@pytest.mark.parametrize("days", [29, 1, 0, -5])
def test_attempts_of_the_last_month_are_never_old(days: int) -> None:
    with pytest.raises(ConfigurationError, match="at least 30 days"):
        retention.attempts_cutoff(keep_days=days, now=NOW)
