"""The third tier: an export is proved before it counts, a deletion changes nothing compared and can be undone."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from provisioner.adapters import archive_file
from provisioner.core.errors import ConfigurationError
from provisioner.core.model import AccountId, CreateAccount, Subscriber
from provisioner.core.retention import NotProven
from provisioner.steps import (
    delete_month,
    export_month,
    forget_person,
    import_month,
    move_month,
    prove_archive,
)
from tests.integration.old_requests import OLD, RUN, OldRequests, at

JANUARY, FEBRUARY = OLD

# Runs a step as a task does, in a process that a failpoint may kill.
STEP = """
import json, sys
from pathlib import Path
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.steps import delete_month, export_month, forget_person, import_month
from provisioner.steps.reset_run import Run
given = json.load(sys.stdin)
archive = ArchiveConnection(dsn=given["dsn"], folder=Path(given["folder"]))
run = Run(run_id="by hand", requested_by="tester")
match given["step"]:
    case "export":
        export_month.run(archive, "2026-01", run)
    case "delete":
        delete_month.run(archive, given["exported"], run, approved_by="Ada")
    case "import":
        import_month.run(archive, "2026-01", run)
    case "forget":
        forget_person.run(archive, "S0000000001", "request 7", run)
"""


@pytest.fixture
def cold(old_requests: OldRequests) -> OldRequests:
    """January archived, February hot."""
    old_requests.make_months(*OLD)
    old_requests.fill(OLD)
    move_month.run(old_requests.archive, "2026-01", RUN)
    return old_requests


def killed_at(old: OldRequests, failpoint: str, step: str, exported: dict[str, Any] | None = None) -> int:
    given = {
        "dsn": old.archive.dsn,
        "folder": str(old.archive.folder),
        "step": step,
        "exported": exported,
    }
    environment = os.environ | {
        "PROVISIONING_FAILPOINT": failpoint,
        "PYTHONPATH": str(Path("plugins").resolve()),
    }
    return subprocess.run(
        [sys.executable, "-c", STEP], input=json.dumps(given).encode(), env=environment, check=False
    ).returncode


def january(old: OldRequests) -> list[tuple[Any, ...]]:
    """All columns of January's requests, wherever they are in the database."""
    return old.rows(
        "SELECT r FROM request_archive r WHERE closed_at < %s AND command <> 'CHECKPOINT' ORDER BY log_number",
        JANUARY.ends_at,
    )


def states(old: OldRequests, *times: str) -> list[tuple[Any, ...]]:
    """What Tucano was known to have for every account at some times."""
    return old.rows(
        "SELECT a, t, s.distributor, s.kind, s.code, s.since FROM unnest(%s::text[]) a, unnest(%s::timestamptz[]) t, "
        "state_at(a, t) s ORDER BY 1, 2, 3, 4, 5",
        sorted(old.states),
        [at(one) for one in times],
    )


def folder(old: OldRequests) -> list[str]:
    return sorted(path.name for path in old.archive.files().iterdir())


# -- export ----------------------------------------------------------------------------------------


def test_an_export_is_the_month_and_pandas_and_duckdb_read_it(cold: OldRequests) -> None:
    exported = export_month.run(cold.archive, "2026-01", RUN)
    path = cold.archive.files() / exported["file"]
    expected = cold.rows("SELECT command, count(*) FROM request_archive GROUP BY 1 ORDER BY 1")

    read = pd.read_parquet(path)
    found = duckdb.sql(f"SELECT command, count(*) FROM '{path}' GROUP BY 1 ORDER BY 1").fetchall()  # noqa: S608

    assert found == expected
    assert len(read) == exported["rows"] == sum(count for _, count in expected)
    assert str(read["closed_at"].dt.tz) == "UTC"
    assert {frozenset(json.loads(one)) for one in read["parameters"]} <= {
        frozenset(), frozenset({"distributor", "options"}),
        frozenset({"distributor", "serial_number"}), frozenset({"distributor", "serial_number", "material_type"}),
    }  # fmt: skip


def test_a_manifest_lies_beside_the_file_and_only_its_owner_reads_either(cold: OldRequests) -> None:
    exported = export_month.run(cold.archive, "2026-01", RUN)
    path = cold.archive.files() / exported["file"]
    beside = json.loads(archive_file.manifest_of(path).read_text())

    assert (beside["sha256"], beside["rows"]) == (archive_file.sha256(path), exported["rows"])
    assert {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()} == {0o600}
    assert cold.rows("SELECT file, file_sha256 FROM archive_manifest WHERE operation = 'EXPORT'") == [
        (path.name, beside["sha256"])
    ]


def test_exporting_again_keeps_what_is_still_true(cold: OldRequests) -> None:
    first = export_month.run(cold.archive, "2026-01", RUN)

    assert export_month.run(cold.archive, "2026-01", RUN) == first
    assert len(folder(cold)) == 2


def test_a_month_changed_behind_our_back_is_not_exported(cold: OldRequests) -> None:
    cold.owner.execute("UPDATE request_archive SET attempts = attempts + 1")

    with pytest.raises(NotProven, match="somebody changed it"):
        export_month.run(cold.archive, "2026-01", RUN)

    assert folder(cold) == []


def test_a_hot_month_is_not_exported(cold: OldRequests) -> None:
    with pytest.raises(ConfigurationError, match="2026-02 is hot"):
        export_month.run(cold.archive, "2026-02", RUN)


# -- delete and bring back -------------------------------------------------------------------------


def test_a_deleted_month_leaves_what_is_compared_and_comes_back_as_it_was(cold: OldRequests) -> None:
    before, known = january(cold), cold.rows("SELECT account, options, materials FROM known_state ORDER BY 1")
    during, later = ("2026-01-20 12:00",), ("2026-02-01 00:00", "2026-02-20 12:00")
    then, since = states(cold, *during), states(cold, *later)
    exported = export_month.run(cold.archive, "2026-01", RUN)

    deleted = delete_month.run(cold.archive, exported, RUN, approved_by="Ada")

    assert deleted["deleted"] == len(before) > deleted["kept"] > 0
    assert january(cold) == []
    assert states(cold, *later) == since != []
    prove_archive.run(cold.archive)
    assert cold.rows("SELECT account, options, materials FROM known_state ORDER BY 1") == known

    assert import_month.run(cold.archive, "2026-01", RUN)["rows"] == len(before)

    assert january(cold) == before
    assert states(cold, *during) == then != []
    prove_archive.run(cold.archive)


def test_the_manifest_is_an_unbroken_chain_with_who_approved(cold: OldRequests) -> None:
    exported = export_month.run(cold.archive, "2026-01", RUN)
    delete_month.run(cold.archive, exported, RUN, approved_by="Ada")
    import_month.run(cold.archive, "2026-01", RUN)

    chain = cold.rows(
        "SELECT operation, tier, checksum_before = coalesce(lag(checksum_after) OVER (ORDER BY manifest_number), "
        "checksum_before), reason FROM archive_manifest ORDER BY manifest_number"
    )

    assert chain == [
        ("ARCHIVE", "cold", True, None),
        ("EXPORT", "cold", True, None),
        ("DELETE", "deleted", True, "approved by Ada"),
        ("IMPORT", "cold", True, None),
    ]


def test_nothing_is_deleted_without_a_file_that_reads_back(cold: OldRequests) -> None:
    before = january(cold)
    exported = export_month.run(cold.archive, "2026-01", RUN)
    path = cold.archive.files() / exported["file"]
    whole = path.read_bytes()

    with pytest.raises(NotProven, match="exported again"):
        delete_month.run(cold.archive, exported | {"sha256": "0" * 64}, RUN, approved_by="Ada")
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(NotProven, match="sha256"):
        delete_month.run(cold.archive, exported, RUN, approved_by="Ada")
    path.unlink()
    with pytest.raises(ConfigurationError, match="backup"):
        delete_month.run(cold.archive, exported, RUN, approved_by="Ada")

    assert january(cold) == before


def test_nothing_is_deleted_that_changed_after_its_export(cold: OldRequests) -> None:
    exported = export_month.run(cold.archive, "2026-01", RUN)
    cold.owner.execute("UPDATE request_archive SET attempts = attempts + 1")

    with pytest.raises(NotProven):
        delete_month.run(cold.archive, exported, RUN, approved_by="Ada")

    assert january(cold) != []


@pytest.mark.parametrize(
    ("step", "failpoint"),
    [
        ("export", "export.after_file"), ("export", "export.before_commit"), ("export", "export.after_commit"),
        ("delete", "replace.after_draft"), ("delete", "replace.after_exchange"), ("delete", "delete.before_commit"),
        ("delete", "delete.after_commit"), ("import", "replace.after_exchange"), ("import", "import.after_commit"),
    ],
)  # fmt: skip
def test_killed_at_any_step_no_request_is_lost_and_the_next_run_finishes(
    cold: OldRequests, step: str, failpoint: str
) -> None:
    before = january(cold)
    exported = export_month.run(cold.archive, "2026-01", RUN) if step != "export" else {}
    if step == "import":
        delete_month.run(cold.archive, exported, RUN, approved_by="Ada")

    assert killed_at(cold, failpoint, step, exported) == -9

    kept = {
        tier
        for (tier,) in cold.rows("SELECT tier FROM archive_manifest ORDER BY manifest_number DESC LIMIT 1")
    }
    assert january(cold) == ([] if kept == {"deleted"} else before)
    prove_archive.run(cold.archive)
    if kept == {"deleted"}:
        import_month.run(cold.archive, "2026-01", RUN)
    assert export_month.run(cold.archive, "2026-01", RUN)["rows"] == len(before)
    assert january(cold) == before
    assert len(folder(cold)) == 2


# -- state at a time -------------------------------------------------------------------------------


def test_a_time_in_a_deleted_month_names_the_file_that_answers(cold: OldRequests) -> None:
    exported = export_month.run(cold.archive, "2026-01", RUN)
    delete_month.run(cold.archive, exported, RUN, approved_by="Ada")
    ((first, last),) = cold.rows(
        "SELECT min(closed_at), max(closed_at) FROM request_archive WHERE account = 'S0000000002'"
    )

    with pytest.raises(Exception, match=r"2026-01, which was deleted(.|\n)*" + exported["file"]):
        cold.rows("SELECT * FROM state_at('S0000000002', '2026-01-01 00:00:01+00')")

    assert first == last  # the checkpoint: exact from the account's last request of the month on
    assert cold.rows("SELECT kind FROM state_at('S0000000002', %s)", last)


# -- forgetting ------------------------------------------------------------------------------------


def personal(old: OldRequests) -> int:
    """How many rows of S0000000001, hot and cold, hold something personal."""
    ((rows,),) = old.rows(
        "SELECT count(*) FROM (SELECT account, body, response FROM request_log UNION ALL "
        "SELECT account, body, response FROM request_archive) r WHERE account = 'S0000000001' "
        "AND (response IS NOT NULL OR body LIKE '%ada@example.com%'::bytea)"
    )
    return int(rows)


def everything_else(old: OldRequests) -> list[tuple[Any, ...]]:
    """All columns of everybody else's requests, and of this one's all that is not personal."""
    return old.rows(
        "SELECT r.account, r.log_number, CASE WHEN r.account = 'S0000000001' THEN NULL ELSE body END, "
        "parameters::text, state, error_code, closed_at "
        "FROM (TABLE request_log UNION ALL TABLE request_archive) r ORDER BY 2"
    )


@pytest.fixture
def spread(old_requests: OldRequests) -> OldRequests:
    """S0000000001 created in January (archived, exported) and in February (hot), among others."""
    old_requests.make_months(*OLD)
    old_requests.fill(OLD)
    for month in ("2026-01", "2026-02"):
        old_requests.close(
            "S0000000001", created("S0000000001"), at(f"{month}-15 12:00"), response=b"Welcome, Ada Prowse"
        )
    move_month.run(old_requests.archive, "2026-01", RUN)
    export_month.run(old_requests.archive, "2026-01", RUN)
    assert personal(old_requests) >= 2
    return old_requests


def created(account: str) -> CreateAccount:
    return CreateAccount(
        account=AccountId(account), subscriber=Subscriber(name="Ada Prowse", email="ada@example.com")
    )


def in_files(old: OldRequests) -> list[str]:
    """The exported files that still hold something of S0000000001's subscriber."""
    return [
        path.name
        for path in old.archive.files().glob("*.parquet")
        for row in archive_file.read(path)
        if row[5] == "S0000000001" and (row[-1] is not None or b"ada@example.com" in (row[-2] or b""))
    ]


def test_a_person_is_forgotten_hot_cold_and_exported_and_nothing_else_is(spread: OldRequests) -> None:
    before = everything_else(spread)
    assert in_files(spread)

    forgotten = forget_person.run(spread.archive, "S0000000001", "request 7", RUN)

    assert all(forgotten[tier] for tier in ("hot", "cold", "exported"))
    assert (personal(spread), in_files(spread)) == (0, [])
    assert everything_else(spread) == before
    assert len(folder(spread)) == 2, "the edition with the personal data is gone"
    prove_archive.run(spread.archive)


def test_forgetting_is_in_the_chain_and_the_month_can_still_be_exported_deleted_and_brought_back(
    spread: OldRequests,
) -> None:
    forget_person.run(spread.archive, "S0000000001", "request 7", RUN)

    ((tier, reason, changed),) = spread.rows(
        "SELECT tier, reason, checksum_after = file_checksum AND checksum_before <> checksum_after "
        "FROM archive_manifest WHERE operation = 'FORGET' AND month = '2026-01-01'"
    )
    again = export_month.run(spread.archive, "2026-01", RUN)
    delete_month.run(spread.archive, again, RUN, approved_by="Ada")
    import_month.run(spread.archive, "2026-01", RUN)

    assert (tier, reason, changed) == ("cold", "S0000000001: request 7", True)
    assert personal(spread) == 0


def test_a_person_is_forgotten_in_the_file_of_a_deleted_month(spread: OldRequests) -> None:
    exported = export_month.run(spread.archive, "2026-01", RUN)
    delete_month.run(spread.archive, exported, RUN, approved_by="Ada")

    forgotten = forget_person.run(spread.archive, "S0000000001", "request 7", RUN)
    import_month.run(spread.archive, "2026-01", RUN)

    assert (forgotten["cold"], forgotten["exported"] > 0) == (0, True)
    assert (personal(spread), in_files(spread)) == (0, [])


def test_forgetting_twice_changes_and_records_nothing_more(spread: OldRequests) -> None:
    forget_person.run(spread.archive, "S0000000001", "request 7", RUN)
    rows = spread.count("archive_manifest")

    again = forget_person.run(spread.archive, "S0000000001", "request 7", RUN)

    assert (again["hot"], again["cold"], again["exported"]) == (0, 0, 0)
    assert spread.count("archive_manifest") == rows


@pytest.mark.parametrize("failpoint", ["forget.before_commit", "forget.after_file", "forget.after_commit"])
def test_killed_while_forgetting_the_next_call_finishes_it(spread: OldRequests, failpoint: str) -> None:
    assert killed_at(spread, failpoint, "forget") == -9

    forget_person.run(spread.archive, "S0000000001", "request 7", RUN)

    assert (personal(spread), in_files(spread)) == (0, [])
    assert len(folder(spread)) == 2
    export_month.run(spread.archive, "2026-01", RUN)


def test_a_person_with_an_open_request_is_not_forgotten_yet(spread: OldRequests) -> None:
    spread.owner.execute(
        "INSERT INTO open_plan (account, plan_number, batch_id) VALUES ('S0000000001', 1, %s)",
        (spread.batch_id,),
    )
    spread.owner.execute(
        "INSERT INTO open_request (sequence_number, request_number, account, plan_number, plan_position, batch_id, "
        "subscription_number, command, parameters, body, caused_by) VALUES "
        "(9, 'PR-9', 'S0000000001', 1, 1, %s, 'S0000000001', 'CREATE_ACCOUNT', '{}', 'x', 'test')",
        (spread.batch_id,),
    )

    with pytest.raises(ConfigurationError, match="1 requests of S0000000001"):
        forget_person.run(spread.archive, "S0000000001", "request 7", RUN)
