"""A reset run of named subscriptions, as the pages' button to retry starts it: these, and nobody else."""

from __future__ import annotations

import pytest

from provisioner.core.errors import ConfigurationError
from tests.integration.stage import Stage


def test_only_the_named_subscriptions_are_brought_in_step(stage: Stage) -> None:
    named, other = stage.subscriber("GEOLOGICAL"), stage.subscriber("GEOLOGICAL")

    counts = stage.run(subscription_numbers=[named])

    assert counts["subscriptions"] == 1
    assert stage.sent(named)
    assert stage.sent(other) == []
    assert stage.holds(named) == stage.known(named)


def test_a_number_that_the_crm_does_not_have_stops_nothing(stage: Stage) -> None:
    named = stage.subscriber("GEOLOGICAL")

    assert stage.run(subscription_numbers=[named, "S-nobody"])["subscriptions"] == 1
    assert stage.sent(named)


def test_who_is_not_named_is_not_taken_for_gone(stage: Stage) -> None:
    named, other = stage.subscriber("GEOLOGICAL"), stage.subscriber("GEOLOGICAL")
    stage.run(subscription_numbers=[named, other])

    counts = stage.run(subscription_numbers=[named])

    assert counts["accounts_gone"] == 0
    assert stage.holds(other)["exists"]


def test_the_gate_holds_here_too(stage: Stage) -> None:
    stage.set(removals_count=1, removals_share=0.0)
    named = [stage.subscriber("GEOLOGICAL") for _ in range(3)]
    stage.run(subscription_numbers=named)
    for number in named:
        stage.act("TERMINATE_SUBSCRIPTION", number)
    stage.forget_sent()

    counts = stage.run(subscription_numbers=named)

    assert counts["accounts_held"] == 3
    assert stage.ledger() == []


def test_named_subscriptions_are_not_limited_in_another_way_as_well(stage: Stage) -> None:
    with pytest.raises(ConfigurationError, match="subscription_numbers stands alone"):
        stage.run(subscription_numbers=["S1"], subscription_types=["SHOWCASE"])
