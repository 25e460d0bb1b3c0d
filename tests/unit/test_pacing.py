"""The rate that is found and the retries that are bounded, in simulated time: an hour takes a moment.

The platform is the simulator's own token bucket; the clock is a number. Doors decide by core/pacing.py alone, as the
shipped sender does (tests/integration/test_pacing.py holds it to the same on real parts).
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given, strategies as st

from demo.simulator.capacity import Capacity
from provisioner.core import pacing, policy
from provisioner.core.pacing import Learned, Width, rate_of, refused

RATES = st.floats(0.1, 20_000)


@dataclass(kw_only=True)
class Doors:
    """All doors together: they share the queue and what was learned, so one clock of places stands for them."""

    most: float
    now: float = 0.0
    refused_rate: float | None = None
    refused_at: float = -math.inf
    accepted: list[float] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)

    def send_until(self, end: float, platform: Capacity) -> None:
        """Send at the pace of the policy, and obey Retry-After in whole seconds, until the clock says *end*."""
        while self.now < end:
            wait = platform.seconds_to_wait(self.now)
            if wait:
                self.refusals.append(self.now)
                self.refused_rate, self.refused_at = refused(self.learned(), most=self.most), self.now
                self.now += max(1, math.ceil(wait))
            else:
                self.accepted.append(self.now)
            self.now += 1 / rate_of(self.learned(), most=self.most)

    def learned(self) -> Learned | None:
        if self.refused_rate is None:
            return None
        return Learned(refused_rate=self.refused_rate, seconds_ago=self.now - self.refused_at)

    def accepted_per_second(self, start: float, end: float) -> float:
        return sum(start <= at < end for at in self.accepted) / (end - start)

    def refused_share(self, start: float, end: float) -> float:
        refusals = sum(start <= at < end for at in self.refusals)
        return refusals / (refusals + self.accepted_per_second(start, end) * (end - start))


def limit(requests_per_second: float, burst: float, *, at: float) -> Capacity:
    return Capacity(requests_per_second=requests_per_second, burst=burst, refilled_at=at)


@pytest.mark.parametrize("allowed", [5, 20, 50, 120, 400])
@pytest.mark.parametrize("burst_seconds", [0.1, 1.0])
def test_the_allowed_rate_is_found_within_a_fifth(allowed: float, burst_seconds: float) -> None:
    doors = Doors(most=500)
    platform = limit(allowed, max(1, allowed * burst_seconds), at=0)

    doors.send_until(180, platform)

    assert 0.8 * allowed <= doors.accepted_per_second(60, 180) <= 1.02 * allowed
    assert doors.refused_share(60, 180) < 0.05


def test_a_limit_that_moves_is_followed_both_ways() -> None:
    doors = Doors(most=500)
    end = 0.0
    for allowed in (50, 20, 100, 30):
        began, end = end, end + 240
        doors.send_until(end, limit(allowed, allowed / 5, at=began))

        assert 0.8 * allowed <= doors.accepted_per_second(began + 90, end) <= 1.02 * allowed, allowed


def test_a_platform_that_refuses_nobody_is_sent_to_at_the_rate_of_the_setting() -> None:
    doors = Doors(most=100)
    doors.send_until(20, limit(1_000, 1_000, at=0))

    assert doors.refusals == []
    assert doors.accepted_per_second(0, 20) == pytest.approx(100, rel=0.01)


def test_the_setting_is_found_again_once_the_platform_allows_it() -> None:
    doors = Doors(most=100)
    doors.send_until(60, limit(20, 4, at=0))
    doors.send_until(180, limit(1_000, 1_000, at=60))

    assert doors.accepted_per_second(150, 180) == pytest.approx(100, rel=0.01)


@given(RATES, RATES, st.floats(0, 1e6))
def test_the_setting_is_never_exceeded_and_sending_never_stops_for_good(
    most: float, refused_rate: float, seconds: float
) -> None:
    rate = rate_of(Learned(refused_rate=refused_rate, seconds_ago=seconds), most=most)

    assert min(most, pacing.SLOWEST) <= rate <= most


@given(RATES, RATES, st.floats(0, 100))
def test_a_refusal_always_slows_down(most: float, refused_rate: float, seconds: float) -> None:
    learned = Learned(refused_rate=refused_rate, seconds_ago=seconds)
    before = rate_of(learned, most=most)
    after = rate_of(
        Learned(refused_rate=refused(learned, most=most), seconds_ago=0),
        most=most,
    )

    assert after <= max(before * pacing.AFTER_REFUSAL * 1.001, pacing.SLOWEST)


# -- a platform without an answer -----------------------------------------------------------------


@dataclass(kw_only=True)
class Worker:
    """One run on one chunk, as steps/sending.py goes about it: wide while there are answers, narrow without."""

    requests: int
    in_flight: int
    known_dead: bool = False
    sends: int = 0
    silences: int = 0
    dead: bool = False

    def work(self, began: float, is_silent_at, *, answer_seconds: float = 0.02) -> float:
        """Send until all is done or the platform is found dead; return the time of the end."""
        width = Width.at_first(self.in_flight, known_dead=self.known_dead)
        now, inside, failures = began, 0, 0
        answers: list[tuple[float, bool]] = []
        waiting = [began] * self.requests
        heapq.heapify(waiting)
        while answers or (waiting and not self.dead):
            while waiting and not self.dead and inside < int(width.now) and waiting[0] <= now:
                heapq.heappop(waiting)
                silent = is_silent_at(now)
                heapq.heappush(answers, (now + (policy.ANSWER_SECONDS if silent else answer_seconds), silent))
                self.sends, inside = self.sends + 1, inside + 1
            moments = [answers[0][0]] if answers else []
            if waiting and not self.dead and inside < int(width.now):
                moments.append(waiting[0])
            now = max(now, min(moments))
            while answers and answers[0][0] <= now:
                _, silent = heapq.heappop(answers)
                inside -= 1
                if silent:
                    self.silences, failures, width = self.silences + 1, failures + 1, width.silent()
                    heapq.heappush(waiting, now + pacing.back_off(1))
                    self.dead |= pacing.is_dead(self.silences, known_dead=self.known_dead)
                else:
                    self.silences, width = 0, width.answered()
        self.requests = len(waiting)
        return now


def test_an_hour_without_answers_costs_less_than_a_tenth_more_sends() -> None:
    requests, hour = 5_000, 3_600.0

    def is_silent(at: float) -> bool:
        return 0.2 <= at < hour

    workers = [Worker(requests=requests // 4, in_flight=64) for _ in range(4)]
    now = max(worker.work(0.0, is_silent) for worker in workers)
    sends, left = sum(worker.sends for worker in workers), sum(worker.requests for worker in workers)
    found_dead_at, runs = now, 0
    # Somebody, or the real-time lane, begins again every minute as long as it takes.
    while left:
        run = Worker(requests=left, in_flight=64, known_dead=any(worker.dead for worker in workers))
        now = run.work(now + 60, is_silent)
        sends, left, workers, runs = sends + run.sends, run.requests, [run], runs + 1

    assert now > hour
    assert runs > 20
    assert sends <= requests * 1.1
    assert found_dead_at <= 3 * policy.ANSWER_SECONDS


def test_a_platform_that_hangs_from_the_start_is_found_dead_in_two_minutes() -> None:
    run = Worker(requests=500, in_flight=64)

    ended_at = run.work(0.0, lambda _: True)

    assert run.dead
    assert run.sends <= 30
    assert ended_at <= 150


def test_a_platform_that_comes_back_is_met_by_few_at_first() -> None:
    width = Width.at_first(64, known_dead=True)
    widths = []
    for _ in range(64):
        widths.append(width.now)
        width = width.answered()

    assert widths[:4] == [1, 2, 3, 4]
    assert width.now == 64


def test_lost_answers_now_and_then_do_not_close_the_gate() -> None:
    width = Width.at_first(64, known_dead=False)
    for n in range(1, 2_000):
        width = width.silent() if n % 50 == 0 else width.answered()

    assert width.now > 48


def test_back_off_doubles_up_to_a_minute() -> None:
    assert [pacing.back_off(n) for n in (1, 2, 3, 8, 100)] == [0.5, 1.0, 2.0, 60.0, 60.0]
