"""The three queries of docs/agents.md, each run as the page gives it, on known data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from demo.launcher.administration import Postgres
from tests.integration.lane_at_work import eventually, inbox, is_done, running
from tests.integration.stage import Stage

PAGE = Path(__file__).parents[2] / "docs" / "agents.md"
SENT, WAITING, LAST_RUN = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def ask(stage: Stage, postgres: Postgres) -> Any:
    """Run a query of the page as the role that only reads."""

    def run(query: str, number: str = "") -> list[dict[str, Any]]:
        dsn = postgres.dsn(stage.db.info.dbname, "pages")
        with psycopg.connect(dsn, row_factory=psycopg.rows.dict_row) as db:
            return db.execute(
                query.replace(":'number'", "%(number)s").encode(), {"number": number}
            ).fetchall()

    return run


def test_what_was_sent_is_told_newest_first(stage: Stage, ask: Any) -> None:
    with running(stage):
        number = stage.subscriber("GEOLOGICAL")
        eventually(is_done(stage, number), "it was sent")

    rows = ask(SENT, number)

    assert [(row["command"], row["state"]) for row in rows] == [
        ("ACTIVATE_OPTIONS", "COMPLETED"),
        ("ADD_MATERIAL", "COMPLETED"),
        ("CREATE_ACCOUNT", "COMPLETED"),
    ]


def test_what_is_parked_is_told_with_its_reason(stage: Stage, ask: Any) -> None:
    with running(stage):
        number = stage.subscriber("GEOLOGICAL", at=("VP5",))
        eventually(lambda: [one for one, _ in inbox(stage, number)] == ["PARKED"], "it was parked")

    (row,) = ask(WAITING, number)

    assert row["state"] == "PARKED" and "VP5" in row["why"]


def test_what_is_held_is_told_with_its_reason(stage: Stage, ask: Any) -> None:
    stage.set(removals_count=0, removals_share=0)
    with running(stage):
        number = stage.subscriber("GEOLOGICAL")
        eventually(is_done(stage, number), "it was sent")
        stage.act("DEACTIVATE_SUBSCRIPTION", number)
        eventually(is_done(stage, number), "it was held")

    (row,) = ask(WAITING, number)

    assert (row["what"], row["state"]) == ("option VP1:GEOLOGICAL", "HELD")
    assert "removals_count" in row["why"]


def test_a_request_without_an_answer_is_told(stage: Stage, ask: Any) -> None:
    stage.platform.set_faults({"kind": "refuse"})
    with running(stage):
        number = stage.subscriber("GEOLOGICAL")
        eventually(
            lambda: {"WAITING", "PENDING"} <= {row["state"] for row in ask(WAITING, number)},
            "the action and its requests were told",
        )


def test_a_row_that_breaks_a_rule_is_told_as_the_last_night_found_it(stage: Stage, ask: Any) -> None:
    number = stage.subscriber("GEOLOGICAL", at=("VP5",))
    stage.run()

    (row,) = ask(WAITING, number)

    assert (row["what"], row["state"]) == ("row of the CRM", "ROW_REJECTED")
    assert "VP5" in row["why"]


def test_what_tucano_refused_in_the_night_is_told(stage: Stage, ask: Any) -> None:
    number = stage.subscriber("GEOLOGICAL")
    stage.platform.set_faults(
        {"kind": "reject", "error_code": "UNKNOWN_OPTION", "commands": ["ACTIVATE_OPTIONS"]}
    )
    stage.run()

    (row,) = ask(WAITING, number)

    assert row["state"] == "REJECTED" and "UNKNOWN_OPTION" in row["why"]


def test_nothing_is_told_of_who_is_in_step(stage: Stage, ask: Any) -> None:
    number = stage.subscriber("GEOLOGICAL")
    stage.run()

    assert ask(WAITING, number) == []


def test_what_the_last_run_did_is_told(stage: Stage, ask: Any) -> None:
    stage.subscriber("GEOLOGICAL")
    stage.run()

    (row,) = ask(LAST_RUN)

    assert row["cause"] == "RESET_RUN" and row["requests_completed"] >= 3 and "Batch" in row["summary"]
