"""state_at for subscriptions whose account's requests bear another subscription's number (merged, decision 1)."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from provisioner.core.model import AccountId, ActivateOptions, DistributorCode, OptionCode, SuspendOptions
from provisioner.steps import move_month
from tests.integration.old_requests import OLD, RUN, OldRequests, at

ACCOUNT, FIRST, SECOND, THIRD = "A77", "S0000000071", "S0000000072", "S0000000073"


def options(code: str) -> dict[str, Any]:
    return {
        "account": AccountId(ACCOUNT),
        "distributor": DistributorCode("VP1"),
        "options": (OptionCode(code),),
    }


@pytest.fixture
def merged(old_requests: OldRequests) -> OldRequests:
    """An account of which FIRST carries all requests; SECOND was out of sync with it, THIRD only ever landed."""
    old_requests.make_months(*OLD)
    for day, command in (
        ("2026-01-10", ActivateOptions(**options("SPORT"))),
        ("2026-02-10", ActivateOptions(**options("KIDS"))),
        ("2026-02-20", SuspendOptions(**options("SPORT"))),
    ):
        old_requests.close(ACCOUNT, command, at(f"{day} 12:00"), subscription_number=FIRST)
    old_requests.owner.execute("UPDATE batch SET opened_at = '2026-01-09'")
    old_requests.owner.execute(
        "INSERT INTO batch_item (batch_id, account, subscription_numbers) VALUES (%s, %s, %s)",
        (old_requests.batch_id, ACCOUNT, [FIRST, SECOND]),
    )
    old_requests.owner.execute(
        "INSERT INTO desired_state (batch_id, account, subscription_numbers, understood, active, options, materials, "
        "kept, withheld_because) VALUES (%s, %s, %s, true, true, '{}', '{}', '{}', '{}')",
        (old_requests.batch_id, ACCOUNT, [FIRST, SECOND, THIRD]),
    )
    move_month.run(old_requests.archive, "2026-01", RUN)
    return old_requests


def had(old: OldRequests, number: str, when: str) -> list[tuple[Any, ...]]:
    """What data_team is told that a subscription had."""
    with psycopg.connect(old.dsn_of("data_team")) as db:
        return db.execute(
            "SELECT kind, code FROM state_at(%s, %s) ORDER BY 1, 2", (number, at(when))
        ).fetchall()


@pytest.mark.parametrize("number", [FIRST, SECOND, THIRD])
def test_every_subscription_of_an_account_is_told_what_the_account_had(
    merged: OldRequests, number: str
) -> None:
    assert had(merged, number, "2026-01-05 00:00") == []
    assert had(merged, number, "2026-01-15 00:00") == [("ACCOUNT", ACCOUNT), ("OPTION", "SPORT")]
    assert had(merged, number, "2026-02-25 00:00") == [("ACCOUNT", ACCOUNT), ("OPTION", "KIDS")]


def test_a_subscription_that_moved_to_another_account_is_told_of_the_one_it_had_then(
    merged: OldRequests,
) -> None:
    """SECOND had an account of its own in January, and joined the other in February."""
    own = options("NEWS") | {"account": AccountId(SECOND)}
    merged.owner.execute("UPDATE batch SET opened_at = '2026-02-01'")
    merged.close(SECOND, ActivateOptions(**own), at("2026-01-12 12:00"))  # lands in the default partition

    assert had(merged, SECOND, "2026-01-20 00:00") == [("ACCOUNT", SECOND), ("OPTION", "NEWS")]
    assert had(merged, SECOND, "2026-02-25 00:00") == [("ACCOUNT", ACCOUNT), ("OPTION", "KIDS")]


def test_a_subscription_nobody_ever_saw_had_nothing(merged: OldRequests) -> None:
    assert had(merged, "S0000000099", "2026-02-25 00:00") == []


def test_a_subscription_is_found_by_an_index(merged: OldRequests) -> None:
    merged.owner.execute("SET enable_seqscan = off")

    plan = merged.rows("EXPLAIN SELECT account FROM accounts_of('S0000000072')")

    assert any("batch_item_subscriptions" in line for (line,) in plan)
