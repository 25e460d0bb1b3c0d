"""Day one and the day after a restore, of a whole base: what Tucano itself holds is what is known in the end.

DAY_ONE_ACCOUNTS=100000 makes the base as large as an operator's; `-s` shows the seconds of each step (docs/day-one.md).
"""

from __future__ import annotations

import csv
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
# Every twentieth subscriber had left before our day one, so that an old log takes away as well.
LEFT = "right(subscription_number, 2) IN ('03', '23', '43', '63', '83')"
# What Tucano did after the backup that it was put back to.
AFTERWARDS = (
    "SELECT crm.act('TERMINATE_SUBSCRIPTION', subscription_number, '{}', 'tester') FROM crm.subscriptions"
    " WHERE right(subscription_number, 2) = '11'",
    """SELECT crm.act('ADD_SERVICE', subscription_number,
    '{"services": [{"code": "NEWS", "distributors": ["VP1"]}]}', 'tester')
    FROM crm.subscriptions WHERE right(subscription_number, 2) = '12'""",
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
    stage.crm.execute(f"UPDATE crm.subscriptions SET state = 'CANCELLED' WHERE {LEFT}".encode())  # noqa: S608
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


def has_left(account: str) -> bool:
    return account.endswith(("03", "23", "43", "63", "83"))


def prime(platform: SimulatorProcess) -> None:
    """Let Tucano hold what it was told by another system in years before ours: written into its state file."""
    platform.stop()
    accounts = [f"S{n:010d}" for n in range(1, ACCOUNTS + 1)]
    served = [account for account in accounts if not has_left(account)]
    with sqlite3.connect(platform.state) as state:
        state.executemany("INSERT INTO account VALUES (?)", ((account,) for account in accounts))
        state.executemany(
            "INSERT INTO active_option VALUES (?, 'VP1', ?)",
            ((account, option) for account in served for option in ("ENTERTAIN", "GEOLOGICAL")),
        )
        state.executemany(
            "INSERT INTO material VALUES (?, ?, 'VP1', 'HD')",
            ((f"HD{account}", account) for account in served),
        )
    state.close()
    platform.start()


def write_old_log(platform: SimulatorProcess, folder: Path) -> None:
    """Write what that other system logged."""
    at = "2026-01-0{}T00:00:00+00:00".format
    with (folder / "old_log.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(OLD_LOG_COLUMNS)
        for account in platform.accounts():
            options = "ENTERTAIN GEOLOGICAL"
            rows.writerow((account, "CREATE_ACCOUNT", "", "", "", "", "COMPLETED", at(1)))
            rows.writerow((account, "ADD_MATERIAL", "VP1", "", f"HD{account}", "HD", "COMPLETED", at(2)))
            rows.writerow((account, "ACTIVATE_OPTIONS", "VP1", options, "", "", "COMPLETED", at(3)))
            if has_left(account):
                rows.writerow((account, "SUSPEND_OPTIONS", "VP1", options, "", "", "COMPLETED", at(4)))
                rows.writerow((account, "REMOVE_MATERIAL", "VP1", "", f"HD{account}", "", "COMPLETED", at(5)))


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
    """A platform that served everybody before us. It is put back to a backup, so it is the module's own."""
    with SimulatorProcess() as started:
        prime(started)
        yield started


@pytest.fixture(scope="module", params=["old_log.csv", "export.csv"])
def imported(
    request: pytest.FixtureRequest,
    stages: Stages,
    platform: SimulatorProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    """An operator's databases after the import of his old log, or of the platform's export."""
    folder = tmp_path_factory.mktemp("import")
    write_old_log(platform, folder)
    write_export(platform, folder)
    with stages(platform) as stage:
        populate(stage)
        with timed(f"import of {request.param}, {ACCOUNTS:,} accounts"):
            counts = import_known_state.run(
                stage.connections,
                stage.next_run(),
                folder,
                {"file": request.param},
                provider_file=stage.write_provider(),
            )
        assert counts["accounts"] == ACCOUNTS
        yield stage


def test_an_import_makes_known_what_tucano_holds_and_the_first_night_sends_nothing(
    platform: SimulatorProcess, imported: Stage
) -> None:
    assert known(imported) == held(platform)

    with timed("the first night after it"):
        imported.run()

    assert imported.sent() == []


def test_known_state_is_verified_and_rebuilt(platform: SimulatorProcess, imported: Stage) -> None:
    with timed("verify_known_state"):
        found = verify_known_state.run(imported.connections, imported.next_run(), {})
    spoiled = imported.rows(SPOIL)

    with timed(f"rebuild of {len(spoiled):,} accounts"):
        rebuilt = verify_known_state.run(imported.connections, imported.next_run(), {"rebuild": True})

    assert found["differences"] == 0
    assert rebuilt["rebuilt"] == len(spoiled) == ACCOUNTS // 10
    assert known(imported) == held(platform)


def test_a_tucano_that_was_put_back_to_a_backup_is_brought_in_step_by_one_night(
    platform: SimulatorProcess, imported: Stage
) -> None:
    as_imported = held(platform)
    platform.snapshot()
    ((since,),) = imported.rows("SELECT clock_timestamp()")
    for statement in AFTERWARDS:
        imported.crm.execute(statement.encode())
    with timed("a night in which a fiftieth changes"):
        imported.run(allow_removals=True, allow_removals_reason="the end of a trial")
    before = held(platform)
    platform.restore()
    assert held(platform) == as_imported != before
    imported.forget_sent()

    with timed("the night with distrust_since"):
        imported.run(
            distrust_since=since.isoformat(), allow_removals=True, allow_removals_reason="Tucano was restored"
        )

    assert held(platform) == known(imported) == before
    assert {entry["account"][-2:] for entry in imported.ledger()} == {"11", "12"}, "the others are trusted"
    assert imported.rows("SELECT account FROM distrusted") == []
    # As it was, for whoever imports the other file.
    platform.restore()
