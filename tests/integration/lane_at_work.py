"""A real-time lane in a thread of a test, and how the test looks at the inbox."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from provisioner.steps import real_time
from tests.integration.stage import Stage

PATIENCE_SECONDS = 60


def eventually(claim: Callable[[], bool], what: str) -> None:
    """Wait until *claim* holds; the machine may be busy."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not claim():
        assert time.monotonic() < until, f"never: {what}"
        time.sleep(0.02)


class Lane:
    """A lane in a thread of the test."""

    def __init__(self, stage: Stage, **options: Any) -> None:
        self._why: str | None = None
        self.result: dict[str, Any] = {}
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(stage, options))
        self._thread.start()

    def _run(self, stage: Stage, options: dict[str, Any]) -> None:
        try:
            self.result = real_time.run(
                stage.connections,
                "tests",
                should_end=lambda: self._why,
                provider_file=stage.provider_file,
                **options,
            )
        except BaseException as error:
            self.error = error

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def end(self, why: str = "test") -> dict[str, Any]:
        self._why = why
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        if self.error:
            raise self.error
        return self.result


@contextmanager
def running(stage: Stage, **options: Any) -> Iterator[Lane]:
    stage.write_provider()
    lane = Lane(stage, **options)
    try:
        yield lane
    finally:
        lane.end()


def inbox(stage: Stage, number: str) -> list[tuple[str, str | None]]:
    return stage.rows(
        "SELECT state, reason FROM action_inbox WHERE subscription_number = %s ORDER BY action_id", number
    )


def customer_of(stage: Stage, number: str) -> str:
    (row,) = stage.crm.execute(
        "SELECT account_number FROM crm.subscriptions WHERE subscription_number = %s", (number,)
    ).fetchall()
    return str(row[0])


def last_error(stage: Stage) -> str:
    return next((error or "" for (error,) in stage.rows("SELECT last_error FROM real_time_lane")), "")


def is_done(stage: Stage, *numbers: str) -> Callable[[], bool]:
    """Ask whether all actions that the CRM has of these subscriptions are done."""

    def done(number: str) -> bool:
        row = stage.crm.execute(
            "SELECT count(*) FROM crm.subscription_actions WHERE subscription_number = %s", (number,)
        ).fetchone()
        found = inbox(stage, number)
        return row == (len(found),) and all(state == "DONE" for state, _ in found)

    return lambda: all(done(number) for number in numbers)
