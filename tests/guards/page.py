"""docs/guards.md: which test holds which guard."""

from __future__ import annotations

from pathlib import Path

from tests.guards.guards import GUARDS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guards.md"
HEAD = """# Which test holds which guard

Written by `python -m tests.guards page` from `tests/guards`; a unit test keeps it as it is there. Each guard
is a piece of code that keeps a rule of the architecture. `make guards` takes one after the other away in a copy of the
project and runs its tests: a guard without which they all still pass is a gap. It takes about an hour and is not
part of `make test`; `ONLY=4.4 make guards` tries those whose section or rule has these words. A new rule of safety gets
its guard here, with the smallest change that takes it away.

Section 3 is the architecture's least privilege, and what pages and portal show to whom.

| section | what is kept | where | tests of which one fails without it |
|---|---|---|---|
"""


def page() -> str:
    """Return the page as it should be."""
    rows = [f"| {one.section} | {one.rule} | `{one.file}` | `{' '.join(one.tests)}` |\n" for one in GUARDS]
    return HEAD + "".join(rows)
