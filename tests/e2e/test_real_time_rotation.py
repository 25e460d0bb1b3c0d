"""The lane in a real Airflow: one run ends, the next begins by itself, and no action is lost between them."""

from __future__ import annotations

import time

from benchmarks.in_airflow import LANE, REQUESTS, Subscribers
from tests.e2e.conftest import StartedStack

ROTATIONS = 2
PATIENCE_SECONDS = 600  # of what takes half a minute on an idle machine


def test_actions_without_pause_are_sent_once_each_while_the_lane_rotates_and_a_pause_ends_it(
    stack: StartedStack,
) -> None:
    stack.client.wait_for_dag(LANE)
    subscribers = Subscribers(stack.environment)
    until = time.monotonic() + PATIENCE_SECONDS
    numbers: list[str] = []

    with subscribers.lane():
        while subscribers.lane_runs() < ROTATIONS:
            assert time.monotonic() < until, f"no {ROTATIONS} rotations"
            numbers.append(subscribers.become())
            time.sleep(0.2)
        while not all(len(subscribers.heard().get(number, ())) == REQUESTS for number in numbers):
            assert time.monotonic() < until, "not every action reached Tucano"
            time.sleep(0.2)

    # A paused DAG's run stays open, and a task that was not begun yet is not begun.
    while {"running", "queued"} & set(lane_tasks(stack)):
        assert time.monotonic() < until, "the pause did not end the task"
        time.sleep(0.2)
    assert set(lane_tasks(stack)) <= {"success", "scheduled"}
    assert {len(subscribers.heard()[number]) for number in numbers} == {REQUESTS}


def lane_tasks(stack: StartedStack) -> list[str]:
    """Return the states of all tasks of the lane that have one."""
    runs = stack.client.call("GET", f"/api/v2/dags/{LANE}/dagRuns?limit=100")["dag_runs"]
    found = [one for run in runs for one in stack.client.task_instances(LANE, run["dag_run_id"])]
    return [str(one["state"]) for one in found if one["state"]]
