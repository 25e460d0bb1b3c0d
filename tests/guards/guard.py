"""One guard of safety: where it stands, how it is taken away, and which tests then fail."""

from __future__ import annotations

from dataclasses import dataclass

STEPS = "plugins/provisioner/steps"
CORE = "plugins/provisioner/core"
ADAPTERS = "plugins/provisioner/adapters"
SQL = "include/sql"
UNIT = "tests/unit"
INTEGRATION = "tests/integration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One guard: *text*, which stands once in *file*, and what stands there *instead* when it is taken away.

    *rule* says what it keeps, *section* where the architecture asks for it. *tests* are pytest's arguments; at least
    one of those tests fails without the guard.
    """

    section: str
    rule: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]
