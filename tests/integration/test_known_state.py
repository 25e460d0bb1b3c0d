"""What is known on day one and made known again: imports, killed and finished; the log folded again and rebuilt.

Tucano's own state is the simulator's; what it holds before day one is put there by requests of our making, which no log
of ours has seen.
"""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioner.adapters import claims
from provisioner.adapters.connections import Connections
from provisioner.adapters.tucano import Endpoint
from provisioner.core.errors import ConfigurationError, PlatformUnavailable
from provisioner.core.model import AccountId
from provisioner.steps import import_known_state, verify_known_state
from provisioner.steps.claiming import LEASE
from tests.integration.conftest import Stages
from tests.integration.old_requests import OLD, RUN, OldRequests
from tests.integration.stage import Stage
from tests.simulator_client import ask
from tests.simulator_process import SimulatorProcess

WRONG = "UPDATE known_state SET options = '{VP1:WRONG}', account_exists = true WHERE "
EXPORT = ("account", "distributor", "option", "serial_number", "material_type")
REQUESTS = (
    *("account", "command", "distributor", "options", "serial_number", "material_type", "state", "closed_at"),
)


@pytest.fixture
def stage(empty_stage: Stage) -> Stage:
    return empty_stage


def write(folder: Path, columns: Iterable[str], rows: Iterable[Iterable[str]], name: str = "file.csv") -> str:
    with (folder / name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([list(columns), *map(list, rows)])
    return name


def imported(stage: Stage, folder: Path, name: str = "file.csv", **more: Any) -> dict[str, Any]:
    patience = more.pop("patience", 30.0)
    return import_known_state.run(
        stage.connections,
        stage.next_run(),
        folder,
        {"file": name, **more},
        provider_file=stage.write_provider(),
        patience=patience,
    )


def kill(stage: Stage, failpoint: str, work: str, **told: object) -> None:
    """Do *work* in a process that is killed at *failpoint*, and let the leases of the dead end."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(["plugins", "."]),
        "PROVISIONING_FAILPOINT": failpoint,
    } | stage.environment(work, **told)
    command = [sys.executable, "-m", "tests.integration.worker"]
    assert subprocess.run(command, env=environment, timeout=120, check=False).returncode == -signal.SIGKILL
    stage.rows("UPDATE claim SET until = now() RETURNING account")


def verified(stage: Stage, **parameters: Any) -> dict[str, Any]:
    return verify_known_state.run(stage.connections, stage.next_run(), parameters)


def rejected(stage: Stage) -> list[tuple[Any, ...]]:
    return stage.rows("SELECT account, reason FROM rejected_row ORDER BY row_number")


def test_an_export_makes_known_what_tucano_holds_and_logs_it_as_an_import(
    stage: Stage, tmp_path: Path
) -> None:
    write(
        tmp_path,
        EXPORT,
        [("A1", "VP1", "RELIGION", "", ""), ("A1", "VP2", "", "S1", "HD"), ("A2", "", "", "", "")],
    )

    counts = imported(stage, tmp_path)

    assert (counts["rows"], counts["accounts"], counts["rows_rejected"]) == (3, 2, 0)
    assert stage.known("A1") == {"exists": True, "options": ["VP1:RELIGION"], "boxes": ["VP2:S1"]}
    assert stage.known("A2") == {"exists": True, "options": [], "boxes": []}
    assert stage.log("A1") == [("IMPORT", "COMPLETED", None)]
    assert verified(stage)["differences"] == 0
    assert stage.sent() == []


def test_an_old_request_log_is_folded_in_the_order_of_its_times(stage: Stage, tmp_path: Path) -> None:
    at = "2026-01-0{}T00:00:00+00:00".format
    write(
        tmp_path,
        REQUESTS,
        [
            ("A1", "SUSPEND_OPTIONS", "VP1", "SPORT", "", "", "COMPLETED", at(3)),
            ("A1", "CREATE_ACCOUNT", "", "", "", "", "COMPLETED", at(1)),
            ("A1", "ACTIVATE_OPTIONS", "VP1", "SPORT NEWS", "", "", "COMPLETED", at(2)),
            ("A1", "ADD_MATERIAL", "VP1", "", "S1", "HD", "REJECTED", at(2)),
        ],
    )

    counts = imported(stage, tmp_path)

    assert (counts["accounts"], counts["rows_not_completed"]) == (1, 1)
    assert stage.known("A1") == {"exists": True, "options": ["VP1:NEWS"], "boxes": []}


@pytest.fixture
def served_before() -> Iterator[SimulatorProcess]:
    """A platform of the test's own."""
    with SimulatorProcess() as platform:
        yield platform


def test_after_an_import_the_first_run_takes_away_what_the_crm_does_not_want(
    stages: Stages, served_before: SimulatorProcess, tmp_path: Path
) -> None:
    with stages(served_before) as stage:
        number = stage.subscriber("GEOLOGICAL")
        serve(served_before, number, "ENTERTAIN", "GEOLOGICAL")
        write(tmp_path, EXPORT, [(number, "VP1", option, "", "") for option in ("ENTERTAIN", "GEOLOGICAL")])
        imported(stage, tmp_path)
        stage.forget_sent()

        stage.run()

        assert stage.sent() == [f"ADD_MATERIAL(VP1, BOX-{number})", "SUSPEND_OPTIONS(VP1, [ENTERTAIN])"]
        assert stage.holds(number) == {
            "exists": True,
            "options": ["VP1:GEOLOGICAL"],
            "boxes": [f"VP1:BOX-{number}"],
        }
        assert "acknowledged nothing to us" not in summary(stage)


def test_without_an_import_the_first_run_says_what_it_cannot_know(
    stages: Stages, served_before: SimulatorProcess
) -> None:
    with stages(served_before) as stage:
        number = stage.subscriber("GEOLOGICAL")
        serve(served_before, number, "ENTERTAIN", "GEOLOGICAL")

        stage.run()

        assert stage.holds(number)["options"] == ["VP1:ENTERTAIN", "VP1:GEOLOGICAL"]
        assert "acknowledged nothing to us before this run" in summary(stage)
        assert "1 accounts were on Tucano before our log knew of them" in summary(stage)
        stage.run()
        assert "not known" not in summary(stage)


def serve(platform: SimulatorProcess, account: str, *options: str) -> None:
    """Let Tucano serve an account by somebody else's requests."""
    ask(platform, "CREATE_ACCOUNT", account, name="Ada")
    answer = ask(platform, "ACTIVATE_OPTIONS", account, distributor="VP1", options=sorted(options))
    assert answer.body["status"] == "ACCEPTED"


def summary(stage: Stage) -> str:
    ((said,),) = stage.rows("SELECT summary FROM batch ORDER BY batch_id DESC LIMIT 1")
    return str(said)


def test_bad_rows_are_kept_with_their_reason_and_the_rest_goes_on(stage: Stage, tmp_path: Path) -> None:
    write(
        tmp_path,
        EXPORT,
        [
            ("A1", "VP1", "NEWS", "", ""),
            ("A1", "VP9", "NEWS", "", ""),
            ("A 2", "VP1", "NEWS", "", ""),
            ("A3", "VP1", "NEWS", "S1", "HD"),
            ("A4", "VP1", "", "S2", "HD", "one more"),
            ("A5", "VP1", "", "S3", "HD"),
            ("A6", "VP1", "", "S3", "HD"),
        ],
    )

    counts = imported(stage, tmp_path)

    assert rejected(stage) == [
        ("A1", "UNKNOWN_DISTRIBUTOR"),
        (None, "INVALID_VALUE"),
        ("A3", "MALFORMED_ROW"),
        ("A4", "MALFORMED_ROW"),
        ("A6", "ITEM_IN_TWO_PLACES"),
    ]
    assert counts["accounts"] == 2
    assert stage.known("A1")["options"] == ["VP1:NEWS"]


def test_an_account_of_an_old_log_of_which_a_row_is_bad_is_not_imported(stage: Stage, tmp_path: Path) -> None:
    at = "2026-01-01T00:00:00+00:00"
    write(
        tmp_path,
        REQUESTS,
        [
            ("A1", "ACTIVATE_OPTIONS", "VP1", "NEWS", "", "", "COMPLETED", at),
            ("A1", "SUSPEND_OPTIONS", "VP9", "NEWS", "", "", "COMPLETED", at),
            ("A2", "CREATE_ACCOUNT", "", "", "", "", "COMPLETED", at),
        ],
    )

    imported(stage, tmp_path)

    assert stage.rows("SELECT account FROM known_state") == [("A2",)]
    assert rejected(stage) == [("A1", "UNKNOWN_DISTRIBUTOR"), ("A1", "ACCOUNT_NOT_IMPORTED")]


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        (("account", "name"), "unknown columns 'name'"),
        (("account;option",), "unknown columns 'account;option'"),
        (("distributor", "option"), "no column account"),
        (("account", "command"), "no column state, closed_at"),
        (("account", "account"), "names a column twice"),
    ],
)
def test_a_file_with_other_columns_is_refused_by_their_names(
    stage: Stage, tmp_path: Path, columns: tuple[str, ...], complaint: str
) -> None:
    write(tmp_path, columns, [])

    with pytest.raises(ConfigurationError, match=complaint):
        imported(stage, tmp_path)
    assert stage.rows("SELECT batch_id FROM batch") == []


@pytest.mark.parametrize("name", ["../file.csv", "/etc/passwd", ".hidden", "", "missing.csv"])
def test_only_files_of_the_folder_are_read(stage: Stage, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no name of a file|cannot be read"):
        imported(stage, tmp_path, name)


def test_the_same_file_again_does_nothing(stage: Stage, tmp_path: Path) -> None:
    write(tmp_path, EXPORT, [("A1", "VP1", "NEWS", "", "")])
    first = imported(stage, tmp_path)

    again = imported(stage, tmp_path)

    assert again["batch_id"] == first["batch_id"] and "finished_before" in again
    assert stage.log("A1") == [("IMPORT", "COMPLETED", None)]


def test_what_our_own_requests_know_is_overwritten_only_where_it_is_asked_for(
    stage: Stage, tmp_path: Path
) -> None:
    number, other = stage.subscriber("GEOLOGICAL"), stage.subscriber("GEOLOGICAL")
    stage.run()
    write(tmp_path, EXPORT, [(number, "VP1", "NEWS", "", "")])

    counts = imported(stage, tmp_path)
    assert (counts["accounts"], counts["accounts_refused"]) == (0, 1)
    assert stage.known(number)["options"] == ["VP1:GEOLOGICAL"]

    counts = imported(stage, tmp_path, replace=True)
    assert (counts["accounts"], counts["accounts_not_exported"]) == (1, 1)
    assert stage.known(number) == {"exists": True, "options": ["VP1:NEWS"], "boxes": []}
    assert (other, "NOT_IN_EXPORT") in rejected(stage)
    assert verified(stage)["differences"] == 0


def test_an_account_in_other_hands_is_left_and_imported_by_the_same_file_later(
    stage: Stage, tmp_path: Path
) -> None:
    write(tmp_path, EXPORT, [("A1", "VP1", "NEWS", "", ""), ("A2", "VP1", "NEWS", "", "")])
    with stage.db.transaction():
        claims.take(stage.db, [AccountId("A1")], owner="somebody", lease=LEASE * 100)

    with pytest.raises(PlatformUnavailable, match="A1"):
        imported(stage, tmp_path, patience=0.0)
    assert stage.rows("SELECT account FROM known_state") == [("A2",)]

    stage.rows("DELETE FROM claim RETURNING account")
    assert imported(stage, tmp_path)["accounts"] == 2


def test_an_account_with_a_request_in_doubt_is_left_until_that_is_settled(
    stage: Stage, tmp_path: Path
) -> None:
    number = stage.subscriber("NEWS")
    stage.platform.set_faults({"kind": "hang_before", "count": 1, "delay_ms": 1})
    stage.set(unknown_attempts=1)
    stage.run()
    write(tmp_path, EXPORT, [(number, "VP1", "NEWS", "", ""), ("A2", "VP1", "NEWS", "", "")])

    counts = imported(stage, tmp_path)

    assert (counts["accounts"], counts["accounts_refused"]) == (1, 1)
    assert rejected(stage) == [(number, "OPEN_REQUEST")]
    assert not stage.known(number)["exists"], "the answer that is missing says more than the file"
    assert "finished_before" not in imported(stage, tmp_path), "or the file would never be asked again"


@pytest.mark.parametrize(
    "failpoint", ["import.folded", "import.written:1", "import.written:2", "import.committed"]
)
def test_an_import_that_is_killed_is_finished_by_the_same_file_without_doubling(
    stage: Stage, tmp_path: Path, failpoint: str
) -> None:
    write(
        tmp_path,
        EXPORT,
        [(f"A{n:05d}", "VP1", "NEWS", "", "") for n in range(1_500)] + [("B", "VP9", "X", "", "")],
    )
    kill(stage, failpoint, "import", IMPORT_FOLDER=tmp_path, IMPORT_FILE="file.csv")

    counts = imported(stage, tmp_path)

    assert counts["accounts"] == 1_500
    assert stage.rows("SELECT count(*), count(DISTINCT account) FROM request_log") == [(1_500, 1_500)]
    assert stage.rows("SELECT count(*) FROM known_state WHERE options = '{VP1:NEWS}'") == [(1_500,)]
    assert rejected(stage) == [("B", "UNKNOWN_DISTRIBUTOR")]
    assert stage.rows("SELECT count(*) FROM import_file WHERE finished_at IS NOT NULL") == [(1,)]
    assert verified(stage)["differences"] == 0


# -- the log folded again -----------------------------------------------------------------------------


@pytest.fixture
def differing(old_requests: OldRequests) -> OldRequests:
    """A log of random requests and a known state that was changed behind its back."""
    old_requests.make_months(*OLD)
    old_requests.fill(OLD, accounts=30, requests=300)
    return old_requests


def verify(old: OldRequests, **parameters: Any) -> dict[str, Any]:
    connections = Connections(
        provisioning_dsn=old.dsn_of("provisioner"), crm_dsn="", tucano=Endpoint(url="", user="", password="")
    )
    return verify_known_state.run(connections, RUN, parameters)


def known(old: OldRequests) -> list[tuple[Any, ...]]:
    return old.rows("SELECT account, account_exists, options, materials FROM known_state ORDER BY account")


def test_known_state_that_is_the_fold_of_the_log_has_no_difference(differing: OldRequests) -> None:
    assert verify(differing)["differences"] == 0


def test_differences_are_listed_and_nothing_is_changed(differing: OldRequests) -> None:
    differing.owner.execute("UPDATE known_state SET options = '{VP1:WRONG}' WHERE account = 'S0000000003'")
    before = known(differing)

    with pytest.raises(verify_known_state.KnownStateDiffers, match=r"S0000000003.*VP1:WRONG.*rebuild"):
        verify(differing)

    assert known(differing) == before


def test_a_rebuild_writes_what_the_log_says_and_logs_that_it_did(differing: OldRequests) -> None:
    before = known(differing)
    differing.owner.execute(WRONG + "account < 'S0000000010'")
    differing.owner.execute("DELETE FROM known_state WHERE account > 'S0000000025'")
    differing.owner.execute("INSERT INTO known_state (account, account_exists) VALUES ('STRAY', true)")

    result = verify(differing, rebuild=True)

    assert result["rebuilt"] == result["differences"] > 10
    there = [row for row in before if row[1]]
    assert [row for row in known(differing) if row[1]] == there
    assert verify(differing)["differences"] == 0
    entries = differing.rows("SELECT count(*), min(caused_by) FROM request_log WHERE command = 'IMPORT'")
    assert entries == [(result["rebuilt"], "VERIFY_KNOWN_STATE by hand")]


def test_a_rebuild_waits_for_whoever_works_on_an_account(differing: OldRequests) -> None:
    differing.owner.execute(WRONG + "account = 'S0000000003'")
    differing.owner.execute(
        "INSERT INTO claim VALUES ('S0000000003', 'somebody', nextval('claim_token'), now() + interval '3 s')"
    )

    assert verify(differing, rebuild=True)["rebuilt"] == 1


@pytest.mark.parametrize(
    ("failpoint", "done"),
    [("rebuild.written:1", 0), ("rebuild.written:2", 1_000), ("rebuild.committed", 1_500)],
)
def test_a_rebuild_that_is_killed_is_finished_by_the_next_one(
    stage: Stage, tmp_path: Path, failpoint: str, done: int
) -> None:
    write(tmp_path, EXPORT, [(f"A{n:05d}", "VP1", "NEWS", "", "") for n in range(1_500)])
    imported(stage, tmp_path)
    stage.rows("UPDATE known_state SET options = '{}' RETURNING account")

    kill(stage, failpoint, "rebuild")

    assert stage.rows("SELECT count(*) FROM known_state WHERE options = '{VP1:NEWS}'") == [(done,)]
    assert verified(stage, rebuild=True).get("rebuilt", 0) == 1_500 - done
    assert stage.rows("SELECT count(*) FROM known_state WHERE options = '{VP1:NEWS}'") == [(1_500,)]
    assert verified(stage)["differences"] == 0
