"""The real-time lane on real parts: what is committed in the CRM reaches Tucano, once, in order, whatever dies."""

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


def is_done(stage: Stage, *numbers: str) -> Callable[[], bool]:
    return lambda: all(
        (found := inbox(stage, number)) and all(state == "DONE" for state, _ in found) for number in numbers
    )


def test_an_action_reaches_tucano_as_it_is_committed(stage: Stage) -> None:
    with running(stage):
        number = stage.subscriber("GEOLOGICAL")
        eventually(is_done(stage, number), "the action was done")

    assert stage.sent(number) == [
        "CREATE_ACCOUNT",
        f"ADD_MATERIAL(VP1, BOX-{number})",
        "ACTIVATE_OPTIONS(VP1, [GEOLOGICAL])",
    ]
