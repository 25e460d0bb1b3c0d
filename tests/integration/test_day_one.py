"""Day one and the day after a restore, of a whole base: what Tucano itself holds is what is known in the end.

DAY_ONE_ACCOUNTS=100000 makes the base as large as an operator's; `-s` shows the seconds of each step (docs/day-one.md).
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from provisioner.steps import import_known_state, verify_known_state
from tests.integration.conftest import Stages
from tests.integration.stage import Stage
from tests.simulator_process import SimulatorProcess

ACCOUNTS = int(os.environ.get("DAY_ONE_ACCOUNTS", "300"))
# A base of subscribers with two channels and a box each.
SUBSCRIBERS = (
    "INSERT INTO crm.accounts (account_number, name, created_at)"
    " SELECT 'A' || lpad(n::text, 10, '0'), 'Ada ' || n, now() FROM generate_series(1, %s) AS n",
    "INSERT INTO crm.subscriptions (subscription_number, account_number, provisioning_account, subscription_type,"
    " state, created_at) SELECT replace(account_number, 'A', 'S'), account_number, replace(account_number, 'A', 'S'),"
    " 'RESIDENTIAL', 'EFFECTIVE', created_at FROM crm.accounts",
    "INSERT INTO crm.subscription_services (subscription_number, product_code, service_type, state, distributors,"
    " added_at) SELECT subscription_number, product_code, 'TERMED', 'EFFECTIVE', '{VP1}', created_at"
    " FROM crm.subscriptions CROSS JOIN unnest('{GEOLOGICAL,ENTERTAIN}'::text[]) AS product_code",
    "INSERT INTO crm.installed_items (subscription_number, serial_number, product_code, distributor, installed_at)"
    " SELECT subscription_number, 'HD' || subscription_number, 'STB_HD', 'VP1', created_at FROM crm.subscriptions",
)
# Every twentieth subscriber leaves after the first night, so that an old log takes away as well.
LEAVE = (
    "SELECT crm.act('TERMINATE_SUBSCRIPTION', subscription_number, '{}', 'tester') FROM crm.subscriptions"
    " WHERE right(subscription_number, 2) IN ('03', '23', '43', '63', '83')"
)
OLD_LOG = (
    "SELECT account, command, distributor, array_to_string(ARRAY(SELECT jsonb_array_elements_text(parameters ->"
    " 'options')), ' '), parameters ->> 'serial_number', parameters ->> 'material_type', state, closed_at"
    " FROM request_log WHERE command <> 'IMPORT' ORDER BY log_number"
)
OLD_LOG_COLUMNS = (
    *("account", "command", "distributor", "options", "serial_number", "material_type", "state", "closed_at"),
)
EXPORT_COLUMNS = ("account", "distributor", "option", "serial_number", "material_type")
SPOIL = "UPDATE known_state SET options = '{VP1:WRONG}' WHERE account LIKE '%7' RETURNING account"


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Tell how long a step took."""
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.1f} s")


def populate(stage: Stage) -> None:
    """Let the CRM have its subscribers, all of them as on the first day."""
    for statement in SUBSCRIBERS:
        stage.crm.execute(statement.encode(), (ACCOUNTS,) if "%s" in statement else None)
    stage.crm.execute("ANALYZE")
    stage.set(fan_out_limit=1)


def held(platform: SimulatorProcess) -> dict[str, tuple[list[str], list[str]]]:
    """What Tucano holds: the channels and boxes of each account that exists there."""
    return {
        account: (
            sorted(f"{one['distributor']}:{one['option']}" for one in state["options"]),
            sorted(f"{one['distributor']}:{one['serial_number']}" for one in state["materials"]),
        )
        for account, state in platform.accounts().items()
        if state["exists"]
    }


def known(stage: Stage) -> dict[str, tuple[list[str], list[str]]]:
    """What is known of Tucano, in the shape of `held`."""
    rows = stage.rows(
        "SELECT account, options, material_places(materials) FROM known_state WHERE account_exists"
    )
    return {account: (options, materials) for account, options, materials in rows}


def write_old_log(stage: Stage, folder: Path) -> None:
    """Write what an operator's old system logged: our own log of the first nights, as the import wants it."""
    with (folder / "old_log.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(OLD_LOG_COLUMNS)
        rows.writerows((*row[:-1], row[-1].isoformat()) for row in stage.rows(OLD_LOG))


def write_export(platform: SimulatorProcess, folder: Path) -> None:
    """Write what Tucano's operators export: what the platform holds."""
    with (folder / "export.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(EXPORT_COLUMNS)
        for account, state in platform.accounts().items():
            rows.writerow((account, "", "", "", ""))
            rows.writerows((account, one["distributor"], one["option"], "", "") for one in state["options"])
            rows.writerows(
                (account, one["distributor"], "", one["serial_number"], one["material_type"])
                for one in state["materials"]
            )


@pytest.fixture(scope="module")
def platform() -> Iterator[SimulatorProcess]:
    """A platform of the module's own, since it is put back to its backup."""
    with SimulatorProcess() as started:
        yield started


@pytest.fixture(scope="module")
def served(stages: Stages, platform: SimulatorProcess) -> Iterator[tuple[Stage, str]]:
    """A base that was served and in part let go, and the time of a backup of Tucano that was made before."""
    with stages(platform) as stage:
        populate(stage)
        platform.snapshot()
        ((since,),) = stage.rows("SELECT clock_timestamp()")
        with timed(f"the first night of {ACCOUNTS:,} accounts"):
            stage.run()
        stage.crm.execute(LEAVE.encode())
        with timed("the night in which every twentieth leaves"):
            stage.run(allow_removals=True, allow_removals_reason="the end of a trial")
        yield stage, since.isoformat()


@pytest.mark.parametrize("file", ["old_log.csv", "export.csv"])
def test_after_an_import_of_all_nothing_has_to_be_sent(
    stages: Stages, platform: SimulatorProcess, served: tuple[Stage, str], file: str, tmp_path: Path
) -> None:
    stage, _ = served
    write_old_log(stage, tmp_path)
    write_export(platform, tmp_path)
    with stages(platform) as new:
        populate(new)
        new.crm.execute(LEAVE.encode())
        asked: dict[str, Any] = {"file": file}

        with timed(f"import of {file}"):
            counts = import_known_state.run(
                new.connections, new.next_run(), tmp_path, asked, provider_file=new.write_provider()
            )

        assert counts["accounts"] == ACCOUNTS
        assert known(new) == held(platform)
        new.forget_sent()
        with timed("the first night after it"):
            new.run()
        assert new.sent() == []


def test_known_state_is_verified_and_rebuilt(platform: SimulatorProcess, served: tuple[Stage, str]) -> None:
    stage, _ = served
    with timed("verify_known_state"):
        assert verify_known_state.run(stage.connections, stage.next_run(), {})["differences"] == 0
    spoiled = stage.rows(SPOIL)

    with timed(f"rebuild of {len(spoiled):,} accounts"):
        rebuilt = verify_known_state.run(stage.connections, stage.next_run(), {"rebuild": True})

    assert rebuilt["rebuilt"] == len(spoiled) == ACCOUNTS // 10
    assert known(stage) == held(platform)


def test_a_restored_tucano_is_brought_back_by_one_night(
    platform: SimulatorProcess, served: tuple[Stage, str]
) -> None:
    stage, since = served
    before = held(platform)
    platform.restore()
    assert held(platform) == {}

    with timed("the night with distrust_since"):
        stage.run(distrust_since=since, allow_removals=True, allow_removals_reason="Tucano was restored")

    lost = {account for account, state in before.items() if state == ([], [])}
    wanted = {account: state for account, state in before.items() if account not in lost}
    found = held(platform)
    assert {account: state for account, state in found.items() if account not in lost} == wanted
    assert all(found.get(account, ([], [])) == ([], []) for account in lost)
    assert known(stage) == found
