"""One guard of safety: where it stands, how it is taken away, and which tests then fail."""

from __future__ import annotations

from dataclasses import dataclass

STEPS = "plugins/provisioner/steps"
CORE = "plugins/provisioner/core"
ADAPTERS = "plugins/provisioner/adapters"
WEB = "plugins/provisioner/web"
SQL = "include/sql"
SCHEMA = "include/sql/schema/versions"
DAGS = "dags"
UNIT = "tests/unit"
INTEGRATION = "tests/integration"
ON_AIRFLOW = "tests/dags"
END_TO_END = "tests/e2e"


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
