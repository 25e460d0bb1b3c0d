"""Moving a month: nothing is lost or doubled, nothing that is compared changes, and what is not proved is not done."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from provisioner.adapters import archive, sql
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core.errors import PlatformUnavailable
from provisioner.core.model import AccountState
from provisioner.core.retention import NotProven
from provisioner.steps import archivist, move_month, prove_archive, swap_month, transactions
from tests.integration.old_requests import OLD, RUN, OldRequests, at

JANUARY, FEBRUARY = OLD


@pytest.fixture
def filled(old_requests: OldRequests) -> OldRequests:
    """Two old months with 60 requests of 8 accounts."""
    old_requests.make_months(*OLD)
    old_requests.fill(OLD)
    return old_requests


def everything(old: OldRequests) -> list[tuple[object, ...]]:
    """Every closed request with its tier, as people see it."""
    return old.rows(
        "SELECT request_number, tier, parameters::text, closed_at FROM request_history ORDER BY 1"
    )


def months_of(old: OldRequests, table: str) -> dict[str, int]:
    return dict(old.rows(f"SELECT to_char(closed_at, 'YYYY-MM'), count(*) FROM {table} GROUP BY 1"))  # noqa: S608


# -- what a move is --------------------------------------------------------------------------------


def test_a_month_moves_whole_and_nothing_but_its_tier_changes(filled: OldRequests) -> None:
    before = everything(filled)
    hot = months_of(filled, "request_log")

    moved = move_month.run(filled.archive, "2026-01", RUN)

    assert moved["rows"] == hot["2026-01"] > 20
    assert months_of(filled, "request_archive") == {"2026-01": hot["2026-01"]}
    assert months_of(filled, "request_log") == {"2026-02": hot["2026-02"]}
    assert [(number, "hot", *rest) for number, _, *rest in everything(filled)] == before


def test_the_manifest_says_what_moved_by_whom_and_that_it_arrived(filled: OldRequests) -> None:
    with filled.archive.open() as db:
        content = archive.content(db, JANUARY, tier="hot")
    move_month.run(filled.archive, "2026-01", RUN)

    ((month, operation, tier, bounds, before, after, who, looked, seconds, size),) = filled.rows(
        "SELECT month::text, operation, tier, ARRAY[closed_from, closed_to], ARRAY[rows_before, checksum_before], "
        "ARRAY[rows_after, checksum_after], ARRAY[performed_by, run_id], verified_at IS NOT NULL, seconds, bytes "
        "FROM archive_manifest"
    )

    assert (month, operation, tier) == ("2026-01-01", "ARCHIVE", "cold")
    assert bounds == [JANUARY.begins_at, JANUARY.ends_at]
    assert before == after == [content.rows, content.checksum]
    assert (who, looked) == (["tester", "by hand"], True)
    assert seconds > 0 and size > 0


def test_moving_again_changes_nothing(filled: OldRequests) -> None:
    move_month.run(filled.archive, "2026-01", RUN)

    assert move_month.run(filled.archive, "2026-01", RUN) == {"rows": 0, "seconds": 0}
    assert filled.count("archive_manifest") == 1


def test_attaching_takes_the_validated_check_for_the_look_at_the_rows(filled: OldRequests) -> None:
    told: list[str] = []
    with filled.archive.open() as db:
        db.execute("SET client_min_messages = debug1")
        db.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
        swap_month.check_bounds(db, JANUARY)
        with db.transaction():
            swap_month.exchange(db, JANUARY)

    assert [one for one in told if "is implied by existing constraints" in one and "_2026_01" in one]


def test_no_two_sessions_work_at_once_while_requests_are_closed(filled: OldRequests) -> None:
    with filled.archive.open() as db:
        position = archive.log_position(db)
        idle = archivist.is_written_since(db, position)
        filled.close("S0000000001", "CHECKPOINT", at("2026-02-27 12:00"), state=AccountState())
        with filled.archive.open() as witness:
            written = archivist.is_written_since(db, position)
            at_work: list[str] = []

            def work(name: str) -> None:
                at_work.append(f"{name} begins")
                time.sleep(0.05)
                at_work.append(f"{name} ends")

            archivist.side_by_side(witness, lambda: work("one"), lambda: work("other"), gently=written)

    assert (idle, written) == (False, True)
    assert at_work == ["other begins", "other ends", "one begins", "one ends"]


# -- what must not change --------------------------------------------------------------------------


def test_the_fold_in_sql_is_what_applying_each_outcome_in_python_gives(filled: OldRequests) -> None:
    """Twenty accounts' worth of chance, resets and imports included, half of the log archived."""
    for seed in range(3):
        filled.fill((FEBRUARY,), accounts=20, requests=150, seed=seed)
    imported = replace(filled.states["S0000000001"], exists=True)
    filled.close("S0000000001", "IMPORT", at("2026-02-28 12:00"), state=imported)
    filled.close("S0000000002", "CHECKPOINT", at("2026-02-28 12:00"), state=AccountState())
    move_month.run(filled.archive, "2026-01", RUN)

    with filled.archive.open() as db:
        known = archive.known(db)
        assert archive.folded_accounts(db) == (known.accounts, known.accounts_digest)
        assert archive.folded_things(db) == (known.things, known.things_digest)
        assert archive.differences(db) == []


@pytest.mark.parametrize(
    ("broken", "shown"),
    [
        ("options = array_append(options, 'VP9:EXTRA')", "VP9:EXTRA"),
        ("materials = '{}', options = '{}', account_exists = false", "only the log has"),
        ("materials = ARRAY['VP1:BOX:OTHER']", "VP1:BOX:OTHER"),
    ],
)
def test_a_log_that_does_not_add_up_to_known_state_is_not_moved(
    filled: OldRequests, broken: str, shown: str
) -> None:
    filled.owner.execute(
        f"UPDATE known_state SET {broken} WHERE account = "  # noqa: S608
        "(SELECT max(account) FROM known_state WHERE options <> '{}' AND materials <> '{}')"
    )

    with pytest.raises(NotProven, match=shown):
        move_month.run(filled.archive, "2026-01", RUN)

    assert (filled.count("request_archive"), filled.count("archive_manifest")) == (0, 0)
    with pytest.raises(NotProven):
        prove_archive.run(filled.archive)


@pytest.mark.parametrize(
    "sabotage",
    [
        "DELETE FROM request_log_2026_02 WHERE log_number = (SELECT min(log_number) FROM request_log_2026_02)",
        "UPDATE request_log_2026_01 SET body = 'x'",
        "ALTER TABLE request_log DETACH PARTITION request_log_2026_02",
    ],
)
def test_a_move_that_changes_anything_else_is_rolled_back(filled: OldRequests, sabotage: str) -> None:
    before = everything(filled)
    filled.owner.execute(
        "CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN "
        "IF current_query() LIKE '%DETACH PARTITION \"request_log_2026_01\"%' "
        "AND coalesce(current_setting('meddling.done', true), '') = '' THEN "
        f"  PERFORM set_config('meddling.done', 'yes', true); {sabotage}; END IF; END $$"
    )
    filled.owner.execute(
        "CREATE EVENT TRIGGER meddling ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION meddle()"
    )

    with pytest.raises(NotProven, match="rolled back"):
        move_month.run(filled.archive, "2026-01", RUN)

    filled.owner.execute("DROP EVENT TRIGGER meddling")
    assert everything(filled) == before
    assert filled.count("archive_manifest") == 0


def test_the_accounts_out_of_sync_are_the_same_before_and_after(filled: OldRequests) -> None:
    filled.owner.execute(
        "INSERT INTO desired_state (batch_id, account, subscription_numbers, understood, active, options, materials, "
        "kept, withheld_because) "
        "SELECT %s, 'S' || lpad(n::text, 10, '0'), '{}', true, true, '{VP1:KIDS}', '{}', '{}', '{}' "
        "FROM generate_series(0, 5) n",
        (filled.batch_id,),
    )
    found = "SELECT account FROM out_of_sync((SELECT max(batch_id) FROM batch), true) ORDER BY 1"
    before = filled.rows(found)

    move_month.run(filled.archive, "2026-01", RUN)

    assert filled.rows(found) == before != []
    assert filled.rows(
        "SELECT proof_before -> 'out_of_sync' ->> 'accounts', proof_before = proof_after FROM archive_manifest"
    ) == [(str(len(before)), True)]


# -- cut off, refused ------------------------------------------------------------------------------


def check_bounds(old: OldRequests) -> None:
    """Do what waits for readers of the month alone, so that the next wait is the one for the whole log."""
    with old.archive.open() as db:
        swap_month.check_bounds(db, JANUARY)


def test_a_connection_cut_before_the_commit_leaves_the_month_hot(filled: OldRequests) -> None:
    check_bounds(filled)
    reader = psycopg.connect(filled.dsn_of("data_team"))
    reader.execute("SELECT count(*) FROM request_history")  # holds the log until the cut

    def cut() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not filled.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'archivist' "
            "AND datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE%'"
        ):
            time.sleep(0.01)

    cutting = threading.Thread(target=cut)
    cutting.start()
    with pytest.raises(psycopg.OperationalError):
        move_month.run(filled.archive, "2026-01", RUN)
    cutting.join()
    reader.close()

    assert filled.count("request_archive") == 0
    assert move_month.run(filled.archive, "2026-01", RUN)["rows"] > 0


def test_who_queues_between_the_two_sessions_of_a_proof_is_not_waited_for_in_a_circle(
    filled: OldRequests,
) -> None:
    def change_the_log() -> None:
        with psycopg.connect(filled.owner.info.dsn, password=filled.owner.info.password) as other:
            other.execute("LOCK TABLE request_log IN ACCESS EXCLUSIVE MODE")

    changing = threading.Thread(target=change_the_log)
    with filled.archive.open() as db, filled.archive.open() as witness, transactions.snapshot(db):
        archive.folded_things(db)
        changing.start()
        deadline = time.monotonic() + 60
        while not filled.rows(
            "SELECT FROM pg_locks WHERE NOT granted AND relation = 'request_log'::regclass"
        ):
            assert time.monotonic() < deadline, "nobody queued"
            time.sleep(0.01)

        with pytest.raises(PlatformUnavailable, match="somebody waits to change a table of the log"):
            archivist.side_by_side(
                witness,
                lambda: archive.folded_things(db),
                lambda: archive.folded_accounts(witness),
                gently=False,
            )
    changing.join()

    assert move_month.run(filled.archive, "2026-01", RUN)["rows"] > 0


def test_two_archivists_never_work_at_once(filled: OldRequests) -> None:
    with filled.archive.open() as other:
        assert archive.take_lock(other)

        with pytest.raises(PlatformUnavailable, match="another archive task"):
            move_month.run(filled.archive, "2026-01", RUN)


def test_the_next_archivist_need_not_wait_until_the_last_ones_session_has_ended(filled: OldRequests) -> None:
    with filled.archive.open() as session:

        class Lingering(ArchiveConnection):
            @contextmanager
            def open(self) -> Iterator[sql.Connection]:
                yield session  # and the server ends it later

        with archivist.alone(Lingering(dsn="")):
            pass
        with filled.archive.open() as next_one:
            assert archive.take_lock(next_one)


def test_a_long_reader_is_let_through_and_writers_wait_for_us_no_longer_than_a_blink(
    filled: OldRequests,
) -> None:
    check_bounds(filled)
    waits: list[float] = []
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(filled.dsn_of("provisioner"), autocommit=True) as db:
            while not stop.is_set():
                began = time.monotonic()
                db.execute(
                    "INSERT INTO request_log (sequence_number, request_number, batch_id, subscription_number, account, "
                    "command, parameters, state, error_code, caused_by, planned_at, closed_at, attempts) VALUES "
                    "(0, 'W', 1, 'W', 'W', 'CREATE_ACCOUNT', '{}', 'REJECTED', 'X', 'w', now(), now(), 0)"
                )
                waits.append(time.monotonic() - began)
                time.sleep(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    with psycopg.connect(filled.dsn_of("data_team")) as reader:
        reader.execute("SELECT count(*) FROM request_history")
        moving = threading.Thread(target=move_month.run, args=(filled.archive, "2026-01", RUN))
        moving.start()
        time.sleep(1.5)
        assert moving.is_alive(), "the move must wait for the reader"
    moving.join(timeout=20)
    stop.set()
    writer.join()

    assert filled.rows("SELECT count(*) FROM request_archive")[0][0] > 20
    assert filled.rows("SELECT count(*) FROM request_log WHERE account = 'W'")[0][0] == len(waits) > 50
    assert max(waits) < 0.5, "lock_timeout bounds what a writer waits behind us"
