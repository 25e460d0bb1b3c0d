"""An account of several subscriptions, one of which the CRM does not show: it is not taken for terminated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from provisioner.steps import reset_subscription
from tests.integration.broken_crm import hidden
from tests.integration.lane_at_work import eventually, is_done, running
from tests.integration.stage import Stage


def two_of_one_account(stage: Stage, account: str) -> tuple[str, str]:
    """Serve two subscriptions of one account, of which the second alone wants KIDS and its box."""
    first = stage.subscriber("NEWS", boxes={})
    second = stage.subscriber("NEWS", "KIDS", boxes={"VP1": f"BOX-{account}"})
    stage.crm.execute(
        "UPDATE crm.subscriptions SET provisioning_account = %s WHERE subscription_number = ANY(%s)",
        (account, [first, second]),
    )
    stage.run()
    stage.forget_sent()
    return first, second


@contextmanager
def missing(stage: Stage, number: str) -> Iterator[None]:
    shown = f"SELECT t.* FROM {{table}} t WHERE subscription_number <> '{number}'"  # noqa: S608
    with hidden(stage, "subscriptions", shown):
        yield


def taken(stage: Stage, account: str) -> list[str]:
    return [one for one in stage.sent(account) if one.startswith(("SUSPEND", "REMOVE"))]


def test_the_night_takes_nothing_from_an_account_of_which_a_subscription_is_missing(stage: Stage) -> None:
    first, second = two_of_one_account(stage, "C-NIGHT")

    with missing(stage, second):
        stage.run()
        stage.run(subscription_numbers=[first])
        stage.run(subscription_types=["RESIDENTIAL"])

    outcome, explanation = stage.ending("C-NIGHT")
    assert taken(stage, "C-NIGHT") == []
    assert outcome == "WITHHELD"
    assert f"subscription {second} of account C-NIGHT is no longer in the CRM's extract" in (
        explanation or ""
    )
    stage.run()
    assert stage.sent("C-NIGHT") == []


def test_what_the_other_subscription_wants_is_given_meanwhile(stage: Stage) -> None:
    first, second = two_of_one_account(stage, "C-GIVEN")
    stage.act("ADD_SERVICE", first, services=[{"code": "SPORT", "distributors": ["VP1"]}])

    with missing(stage, second):
        stage.run()

    assert stage.sent("C-GIVEN") == ["ACTIVATE_OPTIONS(VP1, [SPORT_CHANNELS])"]


def test_the_lane_and_a_single_reset_take_nothing_from_it_either(stage: Stage) -> None:
    first, second = two_of_one_account(stage, "C-DOORS")
    with running(stage):
        eventually(is_done(stage, first, second), "the lane is at the end of the feed")
    stage.act("ADD_SERVICE", first, services=[{"code": "SPORT", "distributors": ["VP1"]}])

    with missing(stage, second):
        with running(stage):
            eventually(is_done(stage, first), "the lane gave what was added")
        look = reset_subscription.look(
            stage.connections,
            stage.next_run(),
            {"subscription_number": first, "force": True},
            provider_file=stage.write_provider(),
        )
        reset_subscription.send(stage.connections, look.batch_id)

    assert "ACTIVATE_OPTIONS(VP1, [SPORT_CHANNELS])" in stage.sent("C-DOORS")
    assert taken(stage, "C-DOORS") == []


def test_one_that_went_to_another_account_is_not_missing(stage: Stage) -> None:
    _, second = two_of_one_account(stage, "C-OLD")
    stage.crm.execute(
        "UPDATE crm.subscriptions SET provisioning_account = 'C-NEW' WHERE subscription_number = %s",
        (second,),
    )

    stage.run()

    assert set(taken(stage, "C-OLD")) == {"SUSPEND_OPTIONS(VP1, [KIDS])", "REMOVE_MATERIAL(VP1, BOX-C-OLD)"}
    assert "ADD_MATERIAL(VP1, BOX-C-OLD)" in stage.sent("C-NEW")


def test_one_that_ended_is_not_missing(stage: Stage) -> None:
    _, second = two_of_one_account(stage, "C-ENDED")
    stage.act("TERMINATE_SUBSCRIPTION", second)

    stage.run()

    assert "SUSPEND_OPTIONS(VP1, [KIDS])" in taken(stage, "C-ENDED")


def test_an_account_whose_subscription_has_another_number_now_goes_on(stage: Stage) -> None:
    number = stage.subscriber("NEWS", "KIDS", boxes={})
    stage.run()
    stage.forget_sent()
    other = stage.subscriber("NEWS", boxes={})
    stage.crm.execute(
        "UPDATE crm.subscriptions SET provisioning_account = %s WHERE subscription_number = %s",
        (number, other),
    )

    with missing(stage, number):
        stage.run()

    assert stage.sent(number) == ["SUSPEND_OPTIONS(VP1, [KIDS])"]
