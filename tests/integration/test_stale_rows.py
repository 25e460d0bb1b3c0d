"""Rows older than the action that asked for them, as from a standby that lags: waited for, never acted upon."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from provisioner.core import policy
from provisioner.steps import prepare, reset_subscription
from tests.integration.broken_crm import hidden, with_columns
from tests.integration.lane_at_work import eventually, inbox, is_done, running
from tests.integration.stage import Stage

OLDER = "is of version"


def told_of_more(stage: Stage) -> str:
    """Serve a subscriber with RELIGION; KIDS comes by an action that no lane has read yet."""
    with running(stage):
        number = stage.subscriber("GEOLOGICAL", "RELIGION")
        eventually(is_done(stage, number), "the lane gave what was ordered")
    stage.run()
    stage.act("ADD_SERVICE", number, services=[{"code": "KIDS", "distributors": ["VP1"]}])
    stage.forget_sent()
    return number


@contextmanager
def lagging(stage: Stage) -> Iterator[None]:
    """Show the rows of before RELIGION and KIDS, and the actions of now."""
    older = with_columns(stage, "subscriptions", {"version": "t.version - 1"})
    services = "SELECT t.* FROM {table} t WHERE product_code NOT IN ('RELIGION', 'KIDS')"
    with hidden(stage, "subscription_services", services), hidden(stage, "subscriptions", older):
        yield


def test_the_lane_waits_for_the_row_of_its_action(
    empty_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "STALE_TURNS", 10_000)  # the machine may be busy
    number = told_of_more(empty_stage)
    with lagging(empty_stage), running(empty_stage):
        waits = "SELECT FROM action_inbox WHERE state = 'WAITING' AND batch_id IS NOT NULL"
        eventually(lambda: empty_stage.rows(waits) != [], "the lane has it in hand")
    with running(empty_stage):
        eventually(is_done(empty_stage, number), "the lane gave it")

    assert empty_stage.sent() == ["ACTIVATE_OPTIONS(VP1, [KIDS])"]


def test_an_action_whose_row_does_not_come_is_parked_with_the_reason_and_looked_at_again(
    empty_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "STALE_TURNS", 1)
    number = told_of_more(empty_stage)
    with lagging(empty_stage), running(empty_stage):
        eventually(lambda: inbox(empty_stage, number)[-1][0] == "PARKED", "it is parked")

    assert OLDER in (inbox(empty_stage, number)[-1][1] or "")
    assert empty_stage.sent() == []
    again = "SELECT due_at IS NOT NULL FROM action_inbox WHERE state = 'PARKED'"
    assert empty_stage.rows(again) == [(True,)]


def test_a_single_reset_of_a_stale_row_is_refused_unless_it_is_forced(empty_stage: Stage) -> None:
    number = told_of_more(empty_stage)
    with running(empty_stage):
        eventually(is_done(empty_stage, number), "the lane gave it")
    empty_stage.forget_sent()

    def look(*, force: bool) -> reset_subscription.Look:
        return reset_subscription.look(
            empty_stage.connections,
            empty_stage.next_run(),
            {"subscription_number": number, "force": force, "dry_run": True},
            provider_file=empty_stage.write_provider(),
        )

    with lagging(empty_stage):
        with pytest.raises(reset_subscription.SourceError, match=OLDER):
            look(force=False)
        assert look(force=True).commands != ()

    assert empty_stage.sent() == []
    assert look(force=False).commands == ()


def test_an_action_of_a_subscription_that_is_not_there_yet_is_looked_at_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "NOT_THERE_ATTEMPTS", 10_000)  # the machine may be busy
    number = stage.subscriber("GEOLOGICAL")
    without = f"SELECT t.* FROM {{table}} t WHERE subscription_number <> '{number}'"  # noqa: S608
    with running(stage):
        with hidden(stage, "subscriptions", without):
            eventually(lambda: [one for one, _ in inbox(stage, number)] == ["PARKED"], "it is not there")
        eventually(is_done(stage, number), "it is there, and given")
