"""Each action of the CRM, performed there, and what Tucano received for it: docs/triggers.md, row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.conftest import Stages
from tests.integration.lane_at_work import customer_of, eventually, running
from tests.integration.stage import Stage, as_written
from tests.integration.trigger_table import BOX, DOCUMENT, NEW_BOX, NUMBER, OTHER, ROWS, TIME, Row, document
from tests.simulator_process import SimulatorProcess


@dataclass
class Performed:
    """What the platform received for a row, for its subscription and for the other one."""

    words: dict[str, str]
    sent: list[str]
    other: list[str]


@pytest.fixture(scope="module")
def performed(stages: Stages, shared_platform: SimulatorProcess) -> Iterator[dict[str, Performed]]:
    """All rows at once, each with subscribers of its own: what was before, the actions, and what comes by time."""
    with stages(shared_platform) as stage:
        stage.set(removals_count=10_000)
        with running(stage):
            words = {row.name: begin(stage, row) for row in ROWS}
            settle(stage)
            for row in ROWS:
                for behaviour, details in row.before:
                    stage.act(behaviour, words[row.name][NUMBER], **filled(dict(details), words[row.name]))
                    settle(stage)
            stage.forget_sent()
            for row in ROWS:
                if row.kind != TIME:
                    perform(stage, row, words[row.name])
            settle(stage)
            entries = stage.ledger()
            stage.forget_sent()
            due = datetime.now(UTC) + timedelta(days=10)
            stage.crm.execute("SELECT crm.run_maintenance(%s)", (due,))
            settle(stage)
            by_time = stage.ledger()
        yield {
            row.name: Performed(
                words[row.name],
                *(
                    received(by_time if row.kind == TIME else entries, words[row.name][who])
                    for who in (NUMBER, OTHER)
                ),
            )
            for row in ROWS
        }


def begin(stage: Stage, row: Row) -> dict[str, str]:
    """Make the subscription that a row's action meets; return what its words stand for."""
    words: dict[str, str] = {}
    words[OTHER] = stage.next_number()
    if row.begins:
        words[NUMBER] = stage.next_number()
        words[BOX], words[NEW_BOX] = f"BOX-{words[NUMBER]}", f"NEW-{words[NUMBER]}"
        return words
    words[NUMBER] = stage.next_number()
    words[BOX], words[NEW_BOX] = f"BOX-{words[NUMBER]}", f"NEW-{words[NUMBER]}"
    boxes = {place: filled(box, words) for place, box in (row.boxes or {"VP1": BOX}).items()}
    stage.subscriber(*row.services, boxes=boxes, draft=row.draft, number=words[NUMBER])
    words["<account>"] = customer_of(stage, words[NUMBER])
    if row.needs_other:
        stage.subscriber(
            "GEOLOGICAL", boxes={}, account=None, account_number=words["<account>"], number=words[OTHER]
        )
    return words


def perform(stage: Stage, row: Row, words: dict[str, str]) -> None:
    if row.begins:
        stage.subscriber("GEOLOGICAL", draft=row.draft, number=words[NUMBER])
    else:
        stage.act(row.behaviour, words[NUMBER], **filled(dict(row.details), words))


def filled(given: Any, words: dict[str, str]) -> Any:
    """Return *given* with the words of a row replaced by what they stand for."""
    text = json.dumps(given)
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return json.loads(text)


def settle(stage: Stage) -> None:
    """Wait until every action of the CRM is done."""

    def expected() -> tuple[Any, ...]:
        row = stage.crm.execute("SELECT count(*), 0 FROM crm.subscription_actions").fetchone()
        return row or (0, 0)

    eventually(
        lambda: (
            stage.rows("SELECT count(*), count(*) FILTER (WHERE state <> 'DONE') FROM action_inbox")
            == [expected()]
        ),
        "all actions were done",
    )


def received(entries: list[dict[str, Any]], account: str) -> list[str]:
    return [as_written(entry) for entry in entries if entry["account"] == account]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_action_sends_exactly_what_the_table_says(performed: dict[str, Performed], row: Row) -> None:
    result = performed[row.name]

    assert result.sent == filled(list(row.sent), result.words)
    assert result.other == filled(list(row.other), result.words)


def test_every_behaviour_of_the_crm_is_in_the_table(module_stage: Stage) -> None:
    codes = {code for (code,) in module_stage.crm.execute("SELECT code FROM crm.behaviours").fetchall()}

    assert codes == {row.behaviour for row in ROWS}


def test_the_document_is_the_table() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), (
        "write it again: python -m tests.integration.trigger_table"
    )
