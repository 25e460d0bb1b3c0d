"""The guards of what an extract, or one row of it, is taken for: architecture 4.6."""

from __future__ import annotations

from tests.guards.guard import ADAPTERS, UNIT, Guard

EXTRACTING = (
    Guard(
        section="4.6",
        rule="a service or box without a key is not one of the default place",
        file=f"{ADAPTERS}/crm_rows.py",
        text='        raise RowError(f"has {of_it} without its {key}")\n',
        instead='        return [] if key == "distributors" else None\n',
        tests=(f"{UNIT}/test_crm_rows.py",),
    ),
)
