"""The archive's tasks killed, cut off and frozen at every failpoint, and at random, with a writer at work.

Meanwhile a watcher counts in one snapshot after another: each request is in exactly one place, none is lost or doubled.
The failpoints are read from the code, so that a new one is on trial as soon as it is written.
"""

from __future__ import annotations

import ast
import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from demo.launcher.administration import Postgres
from demo.launcher.databases import prepare_provisioning
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.steps import delete_month, export_month, import_month, move_month, prove_archive
from tests.integration.archive_at_work import JANUARY, Company, Worker, in_company
from tests.integration.conftest import unique
from tests.integration.old_requests import OLD, RUN, OldRequests

STEPS = Path("plugins/provisioner/steps")
MONTH = "2026-01"
# Where each file's failpoints are passed, with January prepared for that step. return_month is tried on its own.
PASSED_BY = {
    "move_month": ("move",),
    "swap_month": ("move",),
    "export_month": ("export",),
    "delete_month": ("delete",),
    "replace_month": ("delete", "import"),
    "import_month": ("import",),
}
# By test_archive_forget.py, test_archive_return.py and test_known_state.py.
TRIED_ELSEWHERE = {"forget_person", "return_month", "verify_known_state"}


def failpoints_in(tree: ast.AST) -> list[str]:
    return [
        ast.literal_eval(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "failpoint"
    ]


# Of the steps that touch the archive; the other doors are killed by test_crash_anywhere.
FOUND = {
    path.stem: names
    for path in sorted(STEPS.glob("*.py"))
    if "from provisioner.adapters import archive" in (text := path.read_text())
    and (names := failpoints_in(ast.parse(text)))
}
CASES = [(step, name) for stem, names in FOUND.items() for step in PASSED_BY.get(stem, ()) for name in names]
# Passed while the log's writers or the archive's readers wait: between the locks and the commit.
LOCKED = [
    (step, name)
    for step, name in CASES
    if name in ("archive.after_detach", "archive.before_commit", "replace.after_exchange")
]
FROZEN_PATIENCE_SECONDS = 60


def test_every_failpoint_of_the_archive_is_on_trial_somewhere() -> None:
    assert FOUND.keys() == PASSED_BY.keys() | TRIED_ELSEWHERE
    assert len(LOCKED) == 4, "a failpoint between the locks and the commit has another name"


@pytest.fixture(scope="module")
def prepared(
    postgres: Postgres, provisioning_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[str, Path]]]:
    """For each step the template of a database, and a folder, in which January waits for it."""
    made: dict[str, tuple[str, Path]] = {}
    template, folder = provisioning_template, tmp_path_factory.mktemp("empty")
    for step in ("move", "export", "delete", "import"):
        name, kept = unique(f"before_{step}"), tmp_path_factory.mktemp(f"before-{step}")
        prepare_provisioning(postgres, name, template)
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        with opened(postgres, name, kept) as old:
            match step:
                case "move":
                    old.owner.execute(
                        "INSERT INTO batch (cause, run_id, requested_by) VALUES ('RESET_RUN', 'night', 'tester')"
                    )
                    old.make_months(*OLD)
                    old.fill(OLD)
                case "export":
                    move_month.run(old.archive, MONTH, RUN)
                case "delete":
                    export_month.run(old.archive, MONTH, RUN)
                case _:
                    exported = export_month.run(old.archive, MONTH, RUN)
                    delete_month.run(old.archive, exported, RUN, approved_by="Ada")
        made[step] = template, folder = name, kept
    yield made
    for name, _ in made.values():
        postgres.drop_database(name)


@contextmanager
def opened(postgres: Postgres, name: str, folder: Path) -> Iterator[OldRequests]:
    with (
        psycopg.connect(postgres.admin_dsn(name), autocommit=True) as owner,
        psycopg.connect(postgres.dsn(name, "provisioner"), autocommit=True) as db,
    ):
        yield OldRequests(
            owner=owner,
            db=db,
            archive=ArchiveConnection(dsn=postgres.dsn(name, "archivist"), folder=folder),
            dsn_of=lambda role: postgres.dsn(name, role),
            batch_id=1,
        )


@pytest.fixture
def january(postgres: Postgres, prepared: dict[str, tuple[str, Path]], tmp_path: Path) -> Iterator[Any]:
    """Open a copy of the database in which January waits for a step: `with january("move") as company`."""

    @contextmanager
    def build(step: str) -> Iterator[Company]:
        template, files = prepared[step]
        name = unique("crash")
        prepare_provisioning(postgres, name, template)
        shutil.copytree(files, tmp_path / "archive")
        try:
            with opened(postgres, name, tmp_path / "archive") as old:
                ((rows,),) = old.rows(
                    "SELECT rows_before FROM archive_manifest WHERE operation = 'ARCHIVE' UNION ALL "
                    "SELECT count(*) FROM request_log WHERE closed_at < %s LIMIT 1",
                    JANUARY.ends_at,
                )
                with in_company(old, rows) as company:
                    yield company
        finally:
            postgres.drop_database(name)

    return build


def finish(old: OldRequests, step: str) -> None:
    """Run the step again, as whoever finds it red does, and see that everything is as it should be."""
    wait_until_free(old)
    ((tier,),) = old.rows(
        "SELECT coalesce((SELECT tier FROM archive_manifest WHERE month = %s ORDER BY manifest_number DESC LIMIT 1), "
        "'hot')",
        JANUARY.first_day,
    )
    if step == "move":
        move_month.run(old.archive, MONTH, RUN)
    elif step == "export":
        export_month.run(old.archive, MONTH, RUN)
    elif step == "delete" and tier == "cold":
        delete_month.run(old.archive, export_month.run(old.archive, MONTH, RUN), RUN, approved_by="Ada")
    elif step == "import" and tier == "deleted":
        import_month.run(old.archive, MONTH, RUN)
    prove_archive.run(old.archive)
    wanted = "deleted" if step == "delete" else "cold"
    assert old.rows(
        "SELECT tier, (SELECT count(*) FROM archive_manifest WHERE verified_at IS NULL) FROM archive_manifest "
        "ORDER BY manifest_number DESC LIMIT 1"
    ) == [(wanted, 0)]
    files = sorted(path.name for path in old.archive.files().iterdir() if not path.name.endswith(".draft"))
    assert len(files) == (0 if step == "move" else 2)


def wait_until_free(old: OldRequests) -> None:
    """Return when the server has noticed that the last archivist is gone, as a task's retry would find it."""
    deadline = time.monotonic() + FROZEN_PATIENCE_SECONDS
    while old.rows(
        "SELECT FROM pg_stat_activity WHERE usename = 'archivist' AND datname = current_database()"
    ):
        assert time.monotonic() < deadline, "a dead task's session goes on"
        time.sleep(0.01)


def cut(old: OldRequests) -> int:
    """End every session of the archivist, as a network that is gone does; return how many there were."""
    return len(
        old.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE usename = 'archivist' AND datname = current_database()"
        )
    )


def wait_until_stopped(process: int) -> None:
    """Return when *process* stands at its failpoint."""
    deadline = time.monotonic() + FROZEN_PATIENCE_SECONDS
    while Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline, "the failpoint was never reached"
        time.sleep(0.005)


@pytest.mark.parametrize(("step", "failpoint"), CASES)
def test_killed_at_any_step_no_request_is_lost_and_the_next_run_finishes(
    archive_worker: Worker, january: Any, step: str, failpoint: str
) -> None:
    with january(step) as company:
        assert archive_worker.end_at(company.old, step, failpoint) == -signal.SIGKILL
        finish(company.old, step)


@pytest.mark.parametrize(("step", "failpoint"), CASES)
def test_cut_off_at_any_step_no_request_is_lost_and_the_next_run_finishes(
    archive_worker: Worker, january: Any, step: str, failpoint: str
) -> None:
    with january(step) as company:
        process = archive_worker.begin(
            company.old, step, PROVISIONING_FAILPOINT=failpoint, PROVISIONING_FAILPOINT_SIGNAL="SIGSTOP"
        )
        wait_until_stopped(process)
        assert cut(company.old) > 0
        os.kill(process, signal.SIGCONT)
        archive_worker.answer()
        finish(company.old, step)


@pytest.mark.parametrize(("step", "failpoint"), LOCKED)
def test_a_task_that_freezes_while_others_wait_for_it_loses_its_locks_and_changes_nothing(
    archive_worker: Worker, january: Any, step: str, failpoint: str
) -> None:
    with january(step) as company:
        process = archive_worker.begin(
            company.old, step, PROVISIONING_FAILPOINT=failpoint, PROVISIONING_FAILPOINT_SIGNAL="SIGSTOP"
        )
        wait_until_stopped(process)
        before = company.looks, company.written
        deadline = time.monotonic() + FROZEN_PATIENCE_SECONDS
        while company.looks < before[0] + 3 or company.written < before[1] + 3:
            assert time.monotonic() < deadline, "the frozen task still holds its locks"
            time.sleep(0.05)
        os.kill(process, signal.SIGCONT)

        assert archive_worker.answer() == 1, "its transaction is gone, so that it must not say it succeeded"
        finish(company.old, step)


def test_a_night_that_lands_while_a_month_moves_does_not_make_the_proof_fail(
    archive_worker: Worker, january: Any
) -> None:
    with january("move") as company:
        process = archive_worker.begin(
            company.old,
            "move",
            PROVISIONING_FAILPOINT="archive.after_commit",
            PROVISIONING_FAILPOINT_SIGNAL="SIGSTOP",
        )
        wait_until_stopped(process)
        # As steps/extract.py lands: rows that are frozen at once show in snapshots that are older than they are.
        with company.old.owner.transaction(), company.old.owner.cursor() as cursor:
            cursor.execute("TRUNCATE desired_state")
            with cursor.copy(
                "COPY desired_state (batch_id, account, subscription_numbers, understood, active, options, materials,"
                " kept, withheld_because) FROM STDIN WITH (FREEZE)"
            ) as copy:
                copy.write_row((1, "LATE", ["LATE"], True, True, [], [], [], []))
        os.kill(process, signal.SIGCONT)

        assert archive_worker.answer() == 0
        finish(company.old, "move")


def test_killed_and_cut_off_at_random_all_the_way_there_and_back(
    archive_worker: Worker, january: Any
) -> None:
    seed = 20_260_101
    chance = random.Random(seed)
    with january("move") as company:
        for step in ("move", "export", "delete", "import"):
            for _ in range(3):
                process = archive_worker.begin(company.old, step)
                time.sleep(chance.uniform(0.0, 0.5))
                if chance.random() < 0.5:
                    cut(company.old)
                else:
                    with contextlib.suppress(ProcessLookupError):  # it was faster
                        os.kill(process, signal.SIGKILL)
                archive_worker.answer()
            finish(company.old, step)
