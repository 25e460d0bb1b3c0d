"""What would this provider file do? The numbers are those of a dry run with that file, and nothing else happens."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import yaml

from provisioner.core.errors import ConfigurationError
from provisioner.steps import what_if
from tests.integration.stage import Stage

WRITTEN_BY_A_RUN = (
    "batch",
    "batch_item",
    "desired_state",
    "open_request",
    "request_log",
    "held_removal",
    "provider_version",
)


def ask(stage: Stage, document: dict[str, Any]) -> dict[str, Any]:
    """Ask what *document* would do, beside the file in use."""
    in_use = stage.write_provider()
    return what_if.run(stage.connections, stage.next_run(), yaml.safe_dump(document), in_use=in_use)


def changed(stage: Stage) -> dict[str, Any]:
    """Return the provider's document with one option renamed."""
    document: dict[str, Any] = yaml.safe_load(yaml.safe_dump(stage.provider))
    document["services"]["GEOLOGICAL"] = {"option": "GEOLOGY"}
    return document


@pytest.fixture
def served(empty_stage: Stage) -> Stage:
    """A base in step with its platform, but for one subscriber who came since."""
    stage = empty_stage
    stage.subscriber("GEOLOGICAL", "ENTERTAIN")
    # The platform is shared with other tests, and a box is registered once.
    boxes = {place: f"BOX-{place}-{uuid4().hex[:8]}" for place in ("VP1", "VP2")}
    stage.subscriber("GEOLOGICAL", at=("VP1", "VP2"), boxes=boxes)
    stage.subscriber("RELIGION")
    stage.run()
    stage.subscriber("RELIGION")
    return stage


def test_its_numbers_are_those_of_a_dry_run_with_that_file(served: Stage) -> None:
    stage, document = served, changed(served)

    told = ask(stage, document)["with_file"]

    stage.provider = document
    counts = stage.run(dry_run=True)
    ((batch_id, out_of_sync),) = stage.rows(
        "SELECT batch_id, out_of_sync FROM batch ORDER BY batch_id DESC LIMIT 1"
    )
    planned = [
        command
        for (plan,) in stage.rows("SELECT planned FROM batch_item WHERE batch_id = %s", batch_id)
        for command in plan
    ]
    options: Counter[tuple[str, str, str]] = Counter()
    for command in planned:
        options.update(
            (command["distributor"], one, command["command"]) for one in command.get("options", ())
        )
    assert told["subscriptions"] == counts["subscriptions"] == 4
    assert told["out_of_sync"] == out_of_sync == 3
    assert told["requests"] == len(planned)
    assert told["by_command"] == Counter(command["command"] for command in planned)
    assert told["by_distributor"] == Counter(c["distributor"] for c in planned if "distributor" in c)
    assert {
        (row["distributor"], row["option"], command): row[key]
        for row in told["by_option"]
        for key, command in (("activated", "ACTIVATE_OPTIONS"), ("suspended", "SUSPEND_OPTIONS"))
        if row[key]
    } == options
    assert options["VP2", "GEOLOGY", "ACTIVATE_OPTIONS"] == 1


def test_what_is_out_of_sync_anyhow_is_not_laid_to_the_new_file(served: Stage) -> None:
    told = ask(served, changed(served))

    assert (told["in_use"]["accounts"], told["with_file"]["accounts"]) == (1, 3)


def test_it_says_what_the_gate_would_hold(served: Stage) -> None:
    served.set(provider_change_share=0.1)

    told = ask(served, changed(served))["with_file"]

    assert told["whole_plan_held"]
    assert "a new version of the provider file changes 3 of 4 accounts" in told["held_because"][0]


def test_rows_that_the_file_would_reject_are_counted_with_an_example(served: Stage) -> None:
    document = changed(served)
    del document["distributors"]["VP2"]

    told = ask(served, document)["with_file"]

    assert told["rejected_by_reason"] == {"UNKNOWN_DISTRIBUTOR": 1}
    assert "VP2" in told["rejected_examples"][0]


def test_nothing_of_a_run_is_written_and_nothing_is_sent(served: Stage) -> None:
    def counted() -> list[tuple[Any, ...]]:
        return [served.rows(f"SELECT count(*), max(t::text) FROM {table} t") for table in WRITTEN_BY_A_RUN]  # noqa: S608

    before, sent = counted(), len(served.ledger())

    ask(served, changed(served))

    assert counted() == before
    assert len(served.ledger()) == sent


def test_the_nights_extract_never_waits_for_a_question(served: Stage) -> None:
    document, run = changed(served), served.next_run()
    in_use = served.write_provider()
    crm_dsn = served.crm.info.dsn
    with psycopg.connect(crm_dsn, password=served.crm.info.password) as crm, ThreadPoolExecutor(1) as pool:
        # The question stands still at its read of the CRM, with all that it has taken.
        crm.execute("LOCK TABLE crm.subscriptions IN ACCESS EXCLUSIVE MODE")
        asking = pool.submit(what_if.run, served.connections, run, yaml.safe_dump(document), in_use=in_use)
        deadline = time.monotonic() + 60
        while not served.rows("SELECT 1 FROM pg_class WHERE relname = 'batch_item' AND relpersistence = 't'"):
            assert time.monotonic() < deadline, asking
            time.sleep(0.05)

        with served.db.transaction():
            served.db.execute("SET LOCAL lock_timeout = '20s'")
            served.db.execute("TRUNCATE desired_state")
        waited = not asking.done()
        crm.rollback()

    assert waited
    assert asking.result()["with_file"]["accounts"] == 3


def test_a_file_with_mistakes_is_refused_with_their_lines_and_the_refusal_is_kept(stage: Stage) -> None:
    run = stage.next_run()

    with pytest.raises(ConfigurationError, match=r"the file:1: .*no 'services'"):
        what_if.run(stage.connections, run, "provider: {name: x}\n", in_use=stage.write_provider())

    ((answer, refused),) = stage.rows("SELECT answer, refused FROM what_if WHERE run_id = %s", run.run_id)
    assert answer is None
    assert "no 'services'" in refused


def test_a_broken_file_in_use_leaves_the_answer_for_the_new_one(served: Stage) -> None:
    path = served.write_provider()
    path.write_text("provider: ", encoding="utf-8")

    told = what_if.run(served.connections, served.next_run(), yaml.safe_dump(changed(served)), in_use=path)

    assert told["in_use"] is None
    assert "mistake" in told["in_use_missing_because"]
    assert told["with_file"]["accounts"] == 3
