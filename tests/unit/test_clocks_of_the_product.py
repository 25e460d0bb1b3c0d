"""Which clock is looked at where, read from every file's syntax tree.

Leases, waits and patience are by the monotonic clock, which nobody sets; times that are kept are the database's. A
worker's wall clock may be wrong, and jump: whoever looks at it gives a reason here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = sorted(path for folder in ("plugins", "dags") for path in (ROOT / folder).rglob("*.py"))
WALL_CLOCK = {
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "datetime.datetime.now"),
    *(
        "time.time",
        "time.time_ns",
        "time.localtime",
        "time.gmtime",
        "time.ctime",
        "pendulum.now",
        "timezone.utcnow",
    ),
}
REASONS = {
    "plugins/provisioner/adapters/tucano.py": "for a Retry-After date of an answer that does not say its own time",
    "plugins/provisioner/web/authenticate.py": "others read until when a token is valid by their wall clocks",
    "plugins/provisioner/steps/choose_months.py": "which months are old: an hour is nothing to a quarter",
    "plugins/provisioner/steps/delete_attempts.py": "which attempts are old: an hour is nothing to a month",
    "plugins/provisioner/steps/real_time.py": "when the lane began, to be shown; it lasts by the monotonic clock",
    "plugins/provisioner/steps/real_time_gate.py": "a name for what is held; the hour is the database's",
    "plugins/provisioner/steps/what_if.py": "when the CRM was read, to be shown",
    "plugins/provisioner/web/overview.py": "how long ago things were, to be shown",
    "plugins/provisioner/web/pages.py": "when a page was made, to be shown",
    "plugins/provisioner/web/progress.py": "a forecast, to be shown",
}


def looks(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in WALL_CLOCK:
            yield f"line {node.lineno}: {ast.unparse(node)}"
        # Imported by its own name it could not be told from any other.
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield f"line {node.lineno}: from time import"


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_wall_clock_is_looked_at_only_for_a_reason(path: Path) -> None:
    found = list(looks(path))
    reason = REASONS.get(path.relative_to(ROOT).as_posix())

    assert bool(found) == bool(reason), f"{found}, {reason}"


def test_a_lease_is_by_the_monotonic_clock() -> None:
    for file, function in (("prepare", "_claim"), ("sending", "_lease_is_over"), ("dispatch", "_renew")):
        tree = ast.parse((ROOT / f"plugins/provisioner/steps/{file}.py").read_text(encoding="utf-8"))
        (body,) = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function
        ]
        clocks = {
            ast.unparse(node)
            for node in ast.walk(body)
            if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("time.")
        }
        assert clocks == {"time.monotonic"}, f"{file}.{function}"


def test_a_claim_is_by_the_databases_clock() -> None:
    # now() is the time at which the transaction began, and it may have waited since.
    for name in ("take_claims", "renew_claims", "hold_claims"):
        lines = (ROOT / f"include/sql/claim/{name}.sql").read_text(encoding="utf-8").splitlines()
        code = "\n".join(line for line in lines if not line.startswith("--"))
        assert "clock_timestamp()" in code, name
        assert "now()" not in code, name
