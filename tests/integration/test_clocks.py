"""A worker whose clock is wrong, and jumps: leases, times and waits are not by it."""

from __future__ import annotations

import pytest

from tests.integration.nursery import Nursery
from tests.integration.stage import Stage

HOUR = 3600
JUMPS = {
    "an hour slow": f"{-HOUR}",
    "a day fast": f"{24 * HOUR}",
    "back and forth": f"0,{-HOUR},{2 * HOUR},{-24 * HOUR}",
}


@pytest.mark.parametrize("jumps", JUMPS.values(), ids=JUMPS)
def test_a_night_is_no_different_on_a_host_whose_clock_is_wrong(
    stage: Stage, nursery: Nursery, jumps: str
) -> None:
    numbers = [stage.subscriber("GEOLOGICAL", "NEWS") for _ in range(6)]
    ((before,),) = stage.rows("SELECT clock_timestamp()")
    # A date to wait for is by the platform's clock; by ours it would be long gone, or tomorrow.
    stage.platform.set_faults({"kind": "retry_after_date", "status": 503, "retry_after": 1, "count": 2})

    ended = nursery.bear(stage.environment("run", CLOCK_JUMPS=jumps)).wait()

    assert ended == 0, nursery.said()
    for number in numbers:
        assert stage.holds(number) == {
            "exists": True,
            "options": ["VP1:GEOLOGICAL", "VP1:NEWS"],
            "boxes": [f"VP1:BOX-{number}"],
        }
        assert stage.known(number) == stage.holds(number)
        assert not any(entry["overlapping"] for entry in stage.ledger(number))
    times = stage.rows(
        "SELECT planned_at, sent_at, closed_at, clock_timestamp() FROM request_log WHERE account = ANY(%s)",
        numbers,
    )
    assert len(times) == 3 * len(numbers)
    assert all(before <= planned <= sent <= closed <= now for planned, sent, closed, now in times)
    assert stage.rows("SELECT 1 FROM claim") == []
