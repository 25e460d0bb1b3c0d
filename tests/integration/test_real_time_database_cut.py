"""A lane whose sessions are all cut goes on by itself, whatever it had in hand."""

from __future__ import annotations

from tests.integration.lane_at_work import eventually, inbox, is_done
from tests.integration.nursery import Nursery
from tests.integration.stage import Stage

# Seconds of a lease, of its renewal, and before its end that sending stops: no test waits for half a minute.
SHORT = {"CLAIM": "4,1,1"}

OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
)


def test_a_lane_that_lost_its_database_in_the_middle_of_an_action_takes_the_next_one(
    stage: Stage, nursery: Nursery
) -> None:
    stage.platform.set_faults({"kind": "slow", "delay_ms": 2000})
    lane = nursery.bear(stage.environment("lane", LANE_SECONDS=600) | SHORT)
    first = stage.subscriber("GEOLOGICAL")
    eventually(lambda: stage.sent(first) != [], "it was being sent")
    assert stage.rows(OTHERS)
    stage.platform.clear_faults()
    second = stage.subscriber("GEOLOGICAL")
    eventually(is_done(stage, second), "the action that came after the cut was done")
    eventually(is_done(stage, first), "so was the one that was in hand, when its lease was over")

    assert lane.works(), nursery.said()
    lane.kill()
    assert inbox(stage, first) == [("DONE", None)]
    assert stage.holds(first) == stage.known(first)
