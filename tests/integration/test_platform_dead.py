"""A platform that is dead in whatever way: a run in a process of its own ends by itself, clearly and after few sends.

Answers are waited for half a second here instead of half a minute. Nothing is lost, and nobody asks more than he must.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.nursery import Nursery
from tests.integration.stage import Stage

# Seconds of an answer, of the first and of the longest back-off.
HASTE = {"PATIENCE": "0.5,0.05,0.2"}
ACCOUNTS = 24
# So many go at once to a platform of which nothing bad is known, and one that refuses our password is not dead.
AT_ONCE = 8
REFUSES_US = "refuses credentials"
NO_ANSWER = "Tucano gave no answer 20 times in a row"
DEAD: dict[str, tuple[dict[str, Any], str]] = {
    "refuses": ({"kind": "refuse"}, "Tucano cannot be reached"),
    "is never read": ({"kind": "accept_never_read"}, NO_ANSWER),
    "hangs": ({"kind": "hang_before"}, NO_ANSWER),
    "applies and hangs": ({"kind": "hang_after"}, NO_ANSWER),
    "sends headers and nothing more": ({"kind": "headers_then_silence"}, NO_ANSWER),
    "shows a page": ({"kind": "html_200"}, NO_ANSWER),
    "answers 500": ({"kind": "status", "status": 500}, NO_ANSWER),
    REFUSES_US: ({"kind": "unauthorised"}, "Tucano refuses the user of connection 'tucano'"),
}


@pytest.fixture
def stage(empty_stage: Stage) -> Stage:
    """What is learned of a platform stays in the database: each test has its own."""
    return empty_stage


def night(stage: Stage, nursery: Nursery) -> tuple[int, str]:
    """Let a night pass; return its exit code and its summary."""
    ended = nursery.bear(stage.environment("run") | HASTE).wait()
    ((summary,),) = stage.rows("SELECT summary FROM batch ORDER BY batch_id DESC LIMIT 1")
    return ended, str(summary)


@pytest.mark.parametrize("how", DEAD)
def test_a_night_ends_by_itself_and_the_next_one_finishes(stage: Stage, nursery: Nursery, how: str) -> None:
    fault, said = DEAD[how]
    numbers = [stage.subscriber("NEWS", boxes={}) for _ in range(ACCOUNTS)]
    stage.set(fan_out_limit=1)
    stage.platform.set_faults(fault)

    ended, summary = night(stage, nursery)
    first = len(stage.ledger())
    again, _ = night(stage, nursery)
    sends = len(stage.ledger())
    stage.platform.clear_faults()
    stage.run()

    assert ended == again == 1
    assert said in summary
    # Of those twenty that got no answer and of what was on its way with the last of them.
    assert first <= 28
    assert sends - first <= (AT_ONCE if how == REFUSES_US else 3), (
        "a platform that is known dead is only probed"
    )
    assert stage.rows("SELECT 1 FROM batch_item WHERE outcome = 'PARKED'") == []
    for number in numbers:
        assert stage.holds(number)["options"] == ["VP1:NEWS"]
        assert stage.known(number) == stage.holds(number)
    applied = [one["request_number"] for one in stage.ledger() if one["applied"] and not one["replayed"]]
    assert len(applied) == len(set(applied)) == 2 * ACCOUNTS


def test_a_night_of_one_task_an_account_finds_it_out_as_well(stage: Stage, nursery: Nursery) -> None:
    numbers = [stage.subscriber("NEWS", boxes={}) for _ in range(ACCOUNTS)]
    stage.platform.set_faults({"kind": "status", "status": 500})

    ended, summary = night(stage, nursery)
    sends = len(stage.ledger())
    stage.platform.clear_faults()
    stage.run()

    assert ended == 1 and NO_ANSWER in summary
    assert sends == 20
    assert all(stage.holds(number)["options"] == ["VP1:NEWS"] for number in numbers)


def test_two_accounts_without_an_answer_are_no_dead_platform_while_others_are_answered(
    stage: Stage, nursery: Nursery
) -> None:
    silent = stage.subscriber("NEWS", boxes={})
    served = stage.subscriber("NEWS", boxes={})
    also_silent = stage.subscriber("NEWS", boxes={})
    stage.platform.set_faults({"kind": "hang_before", "delay_ms": 1, "accounts": [silent, also_silent]})

    ended, summary = night(stage, nursery)

    assert (ended, stage.holds(served)["options"]) == (0, ["VP1:NEWS"])
    assert "Accounts parked: 2" in summary
