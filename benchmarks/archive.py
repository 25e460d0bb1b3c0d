"""The move of a month as it is shipped, with all its proof, against batches of rows; and what a writer feels of it."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator

import psycopg

from benchmarks import archive_writer
from benchmarks.alternating import compare, seconds
from benchmarks.bars import Ratio, Tell
from benchmarks.ground import SQL_FOLDER, Database, Ground, rows
from demo.launcher.postgres import PostgresServer
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core.retention import parse_month
from provisioner.steps import move_month, swap_month
from provisioner.steps.reset_run import Run

MONTH = "2026-01"
BATCH_ROWS = 10_000  # of three sizes measured, the middle one
READER_SECONDS = 5.0
WRITER_SECONDS = 5.0
ROUNDS = 3  # a round moves everything twice; more rounds change the median little


class WrongMoveError(Exception):
    """A side did not move everything: a fast move that loses rows has no speed."""


class OldMonth:
    """A database whose log has one old month."""

    def __init__(self, postgres: PostgresServer, requests: int, tell: Tell) -> None:
        """Make the month with *requests* closed requests."""
        self.requests = requests
        self.ground = Ground(postgres, "archive")
        self.archive = ArchiveConnection(dsn=postgres.dsn(self.ground.provisioning_name, "archivist"))
        tell(f"making an old month of {requests:,} requests")
        with self.database() as db:
            statement = psycopg.ClientCursor(db).mogrify(_text("fill_old_month"), {"requests": requests})
            db.execute(statement.encode())
        self.ground.settle()

    def database(self) -> Database:
        """Connect as the superuser; the caller closes."""
        return self.ground.admin(self.ground.provisioning_name)

    def move(self) -> None:
        """Move the month with the shipped step: check, proof, swap, manifest, look back."""
        moved = move_month.run(self.archive, MONTH, Run(run_id="benchmark", requested_by="benchmark"))
        if moved["rows"] != self.requests:
            raise WrongMoveError(f"{moved['rows']} of {self.requests} requests were moved")

    def move_back(self) -> None:
        """Make the month hot again."""
        with self.database() as db:
            rows(db, "move_back")
            db.execute("VACUUM (ANALYZE)")
            db.execute("CHECKPOINT")

    def move_in_batches(self) -> None:
        """Move the same rows between two tables, a range of keys a statement."""
        with self.database() as db:
            (first, last) = db.execute(
                "SELECT min(log_number), max(log_number) FROM batched_from"
            ).fetchone() or (0, 0)
            for begin in range(first, last + 1, BATCH_ROWS):
                db.execute(_text("move_batch"), {"first": begin, "end": begin + BATCH_ROWS})
            (moved,) = db.execute("SELECT count(*) FROM batched_to").fetchone() or (0,)
        if moved != self.requests:
            raise WrongMoveError(f"{moved} of {self.requests} requests were moved in batches")

    @contextlib.contextmanager
    def in_the_background(self) -> Iterator[threading.Thread]:
        """Move the month in a thread, and end it before going on."""
        moving = threading.Thread(target=self.move)
        moving.start()
        try:
            yield moving
        finally:
            moving.join()


def archive_per_batched(month: OldMonth, tell: Tell, repetitions: int) -> Ratio:
    """Time the move with all its proof against the same rows moved in batches without any."""

    def refill() -> None:
        with month.database() as db:
            for statement in _text("refill_batched").split(b";\n")[:-1]:
                db.execute(statement)

    def ours() -> float:
        taken = seconds(month.move)()
        month.move_back()
        return taken

    def floor() -> float:
        refill()
        return seconds(month.move_in_batches)()

    medians = compare(
        tell, "archive_per_batched", ours, floor, repetitions=min(repetitions, ROUNDS), unit="s"
    )
    rate, batched = month.requests / medians.ours, month.requests / medians.floor
    return Ratio(
        name="archive_per_batched",
        value=rate / batched,
        sides=f"{rate:,.0f} / {batched:,.0f} requests/s, {month.requests:,} requests",
    )


def archive_writer_p99(month: OldMonth, tell: Tell, repetitions: int) -> Ratio:
    """Compare a writer's 99th percentile while a month moves with the same writer alone."""

    def ours() -> float:
        with month.in_the_background() as moving:
            waits = _write(month, until=lambda: not moving.is_alive())
        month.move_back()
        return _p99_ms(waits)

    def floor() -> float:
        deadline = time.monotonic() + WRITER_SECONDS
        return _p99_ms(_write(month, until=lambda: time.monotonic() > deadline))

    medians = compare(
        tell, "archive_writer_p99", ours, floor, repetitions=min(repetitions, ROUNDS), unit="ms"
    )
    return Ratio(
        name="archive_writer_p99",
        value=medians.ratio,
        sides=f"{medians.ours:.3g} ms / {medians.floor:.3g} ms alone",
    )


def archive_writer_max_ms(month: OldMonth, tell: Tell, repetitions: int) -> Ratio:
    """Measure a writer's longest wait while the swap itself waits for a reader of the whole log."""
    longest = []
    for _ in range(min(repetitions, ROUNDS)):
        with month.archive.open() as db:
            swap_month.check_bounds(
                db, parse_month(MONTH)
            )  # else the wait is for the month alone, and harmless
        reading = threading.Event()
        reader = threading.Thread(target=_read_for_long, args=(month, reading))
        reader.start()
        reading.wait()
        with month.in_the_background() as moving:
            waits = _write(month, until=lambda: not moving.is_alive())
        reader.join()
        month.move_back()
        longest.append(max(waits) * 1_000)
        tell(f"archive_writer_max_ms: {longest[-1]:.4g} ms, p99 {_p99_ms(waits):.4g} ms")
    return Ratio(
        name="archive_writer_max_ms",
        value=max(longest),
        sides=f"the longest of {len(longest)} moves beside a {READER_SECONDS:g} s reader",
    )


def _read_for_long(month: OldMonth, reading: threading.Event) -> None:
    """Hold the log as a reader does, until the move has waited for READER_SECONDS."""
    waiting = (
        "SELECT FROM pg_stat_activity WHERE usename = 'archivist' AND wait_event_type = 'Lock' "
        "AND datname = current_database()"
    )
    with month.database() as reader, month.database() as watch, reader.transaction():
        reader.execute("SELECT FROM request_log LIMIT 1")
        reading.set()
        while watch.execute(waiting).fetchone() is None:
            time.sleep(0.01)
        time.sleep(READER_SECONDS)


def _write(month: OldMonth, *, until: Callable[[], bool]) -> list[float]:
    return archive_writer.write(month.ground.connections().provisioning_dsn, until=until)


def _p99_ms(waits: list[float]) -> float:
    return statistics.quantiles(waits, n=100)[98] * 1_000


def _text(name: str) -> bytes:
    return (SQL_FOLDER / f"{name}.sql").read_bytes()
