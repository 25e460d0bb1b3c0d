"""What an extract is measured by: the last one that was whole and of everybody, and nothing that came after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.broken_crm import hidden
from tests.integration.stage import Stage

# As many as may be gone from a small base without a word (rejected_rows_count): only their number tells of them.
LOST = 5


@pytest.fixture
def base(empty_stage: Stage) -> list[str]:
    """Ten subscribers that Tucano serves, and a gate that two removals pass."""
    empty_stage.set(removals_count=2, removals_share=0.1)
    numbers = [empty_stage.subscriber("NEWS", boxes={}) for _ in range(10)]
    empty_stage.run()
    empty_stage.forget_sent()
    return numbers


@contextmanager
def half_lost(stage: Stage, base: list[str]) -> Iterator[None]:
    """Let the CRM show no more than the first of *base*."""
    shown = f"SELECT t.* FROM {{table}} t WHERE subscription_number <= '{base[-LOST - 1]}'"  # noqa: S608
    with hidden(stage, "subscriptions", shown):
        yield


def wholes(stage: Stage) -> list[bool]:
    return [whole for (whole,) in stage.rows("SELECT extract_whole FROM batch ORDER BY batch_id")]


def test_an_extract_that_is_not_whole_is_no_measure_of_the_next_one(
    empty_stage: Stage, base: list[str]
) -> None:
    empty_stage.act("DEACTIVATE_SUBSCRIPTION", base[0])
    with half_lost(empty_stage, base):
        empty_stage.run()
        empty_stage.run()

    assert wholes(empty_stage) == [True, False, False]
    assert empty_stage.sent() == []


def test_a_filtered_extract_is_no_measure_of_everybodys(empty_stage: Stage, base: list[str]) -> None:
    empty_stage.run(subscription_numbers=[base[0]])
    empty_stage.act("DEACTIVATE_SUBSCRIPTION", base[0])
    with half_lost(empty_stage, base):
        empty_stage.run()

    assert wholes(empty_stage) == [True, True, False]
    assert empty_stage.sent() == []
