"""Killed at any failpoint, at each of its passes: the next run finishes the job.

The failpoints are read from the syntax trees of all that a reset run imports, so a new one is tried without being
named here. The process dies by SIGKILL. The platform's ledger then shows that nothing was lost, nothing was sent
without being logged before, what was sent again was the same number with the same bytes, and the end is right; by
the key that a platform remembers, and on one that forgets every key.
"""

from __future__ import annotations

import ast
import hashlib
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.steps import reset_run
from tests.integration import test_archive_crash
from tests.integration.conftest import Stages
from tests.integration.nursery import ROOT, Nursery
from tests.integration.stage import Stage
from tests.simulator_process import SimulatorProcess

PLUGINS = ROOT / "plugins"
# All five commands, one after the other: a new subscriber's three, and a swap of a channel and of a box.
REQUESTS = 7


def files_of(module: Path, seen: set[Path]) -> set[Path]:
    """Return *module* and every file of the product that it imports, directly or not."""
    if module in seen or not module.is_file():
        return seen
    seen.add(module)
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("provisioner"):
            home = PLUGINS / node.module.replace(".", "/")
            files_of(home.with_suffix(".py"), seen)
            for alias in node.names:
                files_of(home / f"{alias.name}.py", seen)
    return seen


def failpoints_of(path: Path) -> Iterator[str]:
    """Yield the name of each failpoint in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id="failpoint"), args=[ast.Constant(value=str(name))]):
                yield name


FAILPOINTS = sorted(
    {name for path in files_of(Path(reset_run.__file__), set()) for name in failpoints_of(path)}
)
# What no reset run passes is killed at by its name: the lane, imports, a release, and what makes somebody forgotten.
TRIED_BY_NAME = [
    Path(__file__).with_name(f"test_{name}.py")
    for name in ("all_doors", "known_state", "archive_forget", "archive_return", "gate")
]


def test_there_is_a_failpoint_on_both_sides_of_every_commit_of_a_night() -> None:
    parts = {name.partition(".")[0] for name in FAILPOINTS}

    assert {
        *("batch", "provider", "extract", "proof", "detect", "plan", "guard"),
        *("claim", "requests", "request", "outcome", "close"),
    } <= parts
    for part in parts - {"request"}:
        assert len([name for name in FAILPOINTS if name.startswith(f"{part}.")]) >= 2, part


def test_every_failpoint_of_the_product_is_on_trial_somewhere() -> None:
    tried_here = set(FAILPOINTS) | {name for _, name in test_archive_crash.CASES}
    named = "".join(path.read_text(encoding="utf-8") for path in TRIED_BY_NAME)
    all_of_them = {name for path in PLUGINS.rglob("*.py") for name in failpoints_of(path)}

    assert [name for name in sorted(all_of_them - tried_here) if not re.search(rf'"{name}[:"]', named)] == []


class Night:
    """A night with every command in it: a new subscriber, and one who swaps a channel and a box.

    Who is new tonight swaps tomorrow, as long as the night was found to have ended well.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.ended_well = False

    def fall(self) -> None:
        """Begin another night."""
        self.stage.set(in_flight=1)
        if not self.ended_well:
            self.new = self.stage.subscriber("GEOLOGICAL")
            self.stage.run()
        self.ended_well = False
        self.swapper, self.new = self.new, self.stage.subscriber("GEOLOGICAL")
        self.stage.act("SWAPSERVICE", self.swapper, **{"from": "GEOLOGICAL", "to": {"code": "RELIGION"}})
        box = {"serial_number": f"NEW-{self.swapper}", "type": "STB_HD", "distributor": "VP1"}
        self.stage.act(
            "SWAP_INSTALLED_ITEM", self.swapper, pairs=[{"from": f"BOX-{self.swapper}", "to": box}]
        )
        self.stage.forget_sent()

    def written(self) -> dict[str, tuple[str, bool]]:
        """Return the open requests: number -> (digest of the body, whether it may have left)."""
        rows = self.stage.rows("SELECT request_number, body, sent_at IS NOT NULL FROM open_request")
        return {number: (hashlib.sha256(body).hexdigest(), left) for number, body, left in rows}

    def check(self, written: dict[str, tuple[str, bool]]) -> None:
        """Hold what the platform has seen against what is known, logged, and was *written* when the process died."""
        stage, new, swapper = self.stage, self.new, self.swapper
        assert stage.holds(new) == {
            "exists": True,
            "options": ["VP1:GEOLOGICAL"],
            "boxes": [f"VP1:BOX-{new}"],
        }
        assert stage.holds(swapper) == {
            "exists": True,
            "options": ["VP1:RELIGION"],
            "boxes": [f"VP1:NEW-{swapper}"],
        }
        assert [stage.known(one) for one in (new, swapper)] == [stage.holds(one) for one in (new, swapper)]
        entries = stage.ledger()
        logged = {
            number: (hashlib.sha256(body).hexdigest(), sent)
            for number, body, sent in stage.rows(
                "SELECT request_number, body, sent_at IS NOT NULL FROM request_log WHERE account = ANY(%s)",
                [new, swapper],
            )
        }
        for entry in entries:
            assert logged.get(entry["request_number"]) == (entry["digest"], True), "not what is in the log"
            assert not entry["overlapping"], "two requests of one account at once"
        for number, (digest, left) in written.items():
            assert logged.get(number, ("lost", left))[0] == digest, "lost, or with other bytes"
            # What may have left is settled by being sent under its own number, whatever else happens.
            assert not left or number in {entry["request_number"] for entry in entries}
        assert stage.rows("SELECT 1 FROM open_request UNION ALL SELECT 1 FROM open_plan") == []
        assert sum(1 for entry in entries if entry["applied"] and not entry["replayed"]) == REQUESTS
        sent_twice = [
            entry["request_number"] for n, entry in enumerate(entries)
            if entry["request_number"] in {one["request_number"] for one in entries[:n]}
        ]  # fmt: skip
        assert len(sent_twice) <= 1, "a crash leaves one request of an account in doubt"
        self.ended_well = True


@pytest.fixture(scope="module")
def passed(stages: Stages, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every failpoint in the order in which a whole night passes it."""
    told = tmp_path_factory.mktemp("passed") / "failpoints"
    with SimulatorProcess() as platform, stages(platform) as stage:
        night = Night(stage)
        night.fall()
        ended = nursery.bear(stage.environment("run", FAILPOINTS_PASSED=told)).wait()
        assert ended == 0, nursery.said()
    return told.read_text(encoding="utf-8").split()


@pytest.fixture(scope="module")
def night(module_stage: Stage) -> Night:
    """The nights of all tests: each begins with the subscribers of the one before."""
    return Night(module_stage)


def in_doubt(passed: list[str], place: int) -> bool:
    """Say whether a request may have left and has no outcome yet at this *place* of the night."""
    before = [one for one in passed[:place] if one in ("request.leaving", "outcome.committed")]
    return passed[place] != "outcome.committed" and before[-1:] == ["request.leaving"]


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_the_next_run_finishes_what_a_killed_one_began(
    stage: Stage, night: Night, nursery: Nursery, passed: list[str], failpoint: str
) -> None:
    places = [place for place, name in enumerate(passed) if name == failpoint]
    assert places, "the run never passes here"
    for n, place in enumerate(places, start=1):
        # Where nothing is in doubt nothing is sent again, and a platform's memory of keys makes no difference.
        for ignores_keys in (False, True) if in_doubt(passed, place) else (False,):
            stage.platform.set_faults(*([{"kind": "ignore_keys"}] if ignores_keys else []))
            night.fall()

            died = nursery.bear(stage.environment("run", PROVISIONING_FAILPOINT=f"{failpoint}:{n}")).wait()

            assert died == -signal.SIGKILL, nursery.said()
            written = night.written()
            # Half a minute later: what the dead process had claimed is free.
            stage.rows("UPDATE claim SET until = now() RETURNING account")
            stage.run()
            night.check(written)
