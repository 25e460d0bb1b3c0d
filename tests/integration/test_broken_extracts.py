"""Extracts that break as CRMs break: none of them removes anybody's service, and the next whole one is in step.

The CRM is the real one; its tables are hidden behind views that show what a broken load would.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.broken_crm import nobody_loses_anything, with_columns
from tests.integration.conftest import Stages
from tests.integration.stage import Stage
from tests.simulator_process import SimulatorProcess

SUBSCRIBERS = 20
GATE = {"removals_count": 2, "removals_share": 0.1, "replacements_share": 0.1, "rejected_rows_share": 0.001}
BREAKS = {
    **{
        f"truncated after {tenths} tenths": (
            "subscriptions",
            f"TABLE {{table}} ORDER BY subscription_number LIMIT {SUBSCRIBERS * tenths // 10}",
        )
        for tenths in range(10)
    },
    "services still being loaded": (
        "subscription_services",
        "SELECT t.* FROM {table} t WHERE right(subscription_number, 1) < '5'",
    ),
    "no services loaded yet": ("subscription_services", "SELECT t.* FROM {table} t WHERE false"),
    "no boxes loaded yet": ("installed_items", "SELECT t.* FROM {table} t WHERE false"),
    "every key twice": ("subscriptions", "SELECT t.* FROM {table} t UNION ALL SELECT t.* FROM {table} t"),
}
# Of a row of subscriptions: one column is not what it should be.
COLUMNS = {
    "a shifted column": ("state", "subscription_type"),
    "an empty column": ("state", "NULL::text"),
    "a hostile value": ("state", "E'EFFECTIVE\\t\\\\N\\n''; DROP TABLE known_state; --'"),
    "an oversized value": ("state", "repeat('EFFECTIVE', 100000)"),
    "an account that is none": ("provisioning_account", "'-' || repeat('9', 60)"),
}


@pytest.fixture(scope="module")
def served(stages: Stages) -> Iterator[Stage]:
    """Twenty subscribers who are served, on a platform of their own, and a gate that two removals pass."""
    with SimulatorProcess() as platform, stages(platform) as stage:
        for _ in range(SUBSCRIBERS):
            stage.subscriber("GEOLOGICAL", "ENTERTAIN")
        stage.set(**GATE)
        stage.run()
        yield stage


@pytest.mark.parametrize("broken", BREAKS)
def test_an_extract_that_lost_something_takes_nothing_away(served: Stage, broken: str) -> None:
    nobody_loses_anything(served, *BREAKS[broken])


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("subscription_services", None),
        ("installed_items", None),
        ("subscription_services", "state"),
    ],
)
def test_a_base_that_is_empty_loses_nothing_though_the_gate_would_let_go_of_all_of_it(
    served: Stage, table: str, column: str | None
) -> None:
    ended = (
        with_columns(served, table, {column: "'CANCELLED'"})
        if column
        else "SELECT t.* FROM {table} t WHERE false"
    )
    served.set(removals_count=50)
    try:
        nobody_loses_anything(served, table, ended, "an empty column is not read as an end")
    finally:
        served.set(**GATE)


@pytest.mark.parametrize("broken", COLUMNS)
def test_a_column_that_holds_something_else_takes_nothing_away(served: Stage, broken: str) -> None:
    column, value = COLUMNS[broken]

    nobody_loses_anything(
        served, "subscriptions", with_columns(served, "subscriptions", {column: value}), "rows were rejected"
    )
