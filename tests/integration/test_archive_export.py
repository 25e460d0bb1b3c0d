"""The third tier: an export is proved before it counts, a deletion changes nothing compared and can be undone."""

from __future__ import annotations

import json
import stat
from typing import Any

import duckdb
import pandas as pd
import pytest

from provisioner.adapters import archive_file
from provisioner.core.errors import ConfigurationError
from provisioner.core.retention import NotProven
from provisioner.steps import (
    delete_month,
    export_month,
    import_month,
    move_month,
    prove_archive,
)
from tests.integration.old_requests import OLD, RUN, OldRequests, at

JANUARY, FEBRUARY = OLD


@pytest.fixture
def cold(old_requests: OldRequests) -> OldRequests:
    """January archived, February hot."""
    old_requests.make_months(*OLD)
    old_requests.fill(OLD)
    move_month.run(old_requests.archive, "2026-01", RUN)
    return old_requests


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


def test_a_month_that_was_not_deleted_is_not_brought_back(cold: OldRequests) -> None:
    before = january(cold)
    export_month.run(cold.archive, "2026-01", RUN)

    with pytest.raises(ConfigurationError, match="is cold; to import it, it must be deleted"):
        import_month.run(cold.archive, "2026-01", RUN)

    assert january(cold) == before


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
