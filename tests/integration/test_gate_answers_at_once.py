"""Two people who answer at the same moment for what a night held: the first answer counts, the second is told."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest

from provisioner.core.errors import ConfigurationError
from provisioner.steps import release_removals
from tests.integration.stage import Stage

WAIT_SECONDS = 60


def test_the_second_of_two_answers_at_once_is_refused(stage: Stage) -> None:
    stage.set(removals_count=0, removals_share=0.0, replacements_share=0.0)
    number = stage.subscriber("GEOLOGICAL", "NEWS")
    stage.run()
    stage.act("REMOVESERVICE", number, services=["NEWS"])
    stage.run()
    shown = release_removals.show(stage.connections, {})
    failures: list[Exception] = []

    def answer_no() -> None:
        try:
            release_removals.refuse(stage.connections, shown, decided_by="the second")
        except ConfigurationError as error:
            failures.append(error)

    second = threading.Thread(target=answer_no)
    with psycopg.connect(stage.connections.provisioning_dsn) as first:
        first.execute(
            "INSERT INTO release_decision (batch_id, held_hash, approved, decided_by)"
            " VALUES (%s, %s, true, 'the first')",
            (shown["batch_id"], shown["held_hash"]),
        )
        second.start()
        # He has looked, found no answer, and waits at the first one's row.
        deadline = time.monotonic() + WAIT_SECONDS
        while not stage.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    second.join()

    with pytest.raises(ConfigurationError, match="the first answer counts"):
        raise failures[0]
    assert stage.rows(
        "SELECT decided_by, approved FROM release_decision WHERE batch_id = %s", shown["batch_id"]
    ) == [("the first", True)]
