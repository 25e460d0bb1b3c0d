"""The platform's state in one SQLite file: nothing is answered before it is durable there.

There is no copy in memory that could disagree with the file. Many requests share one transaction:
it opens with the first change and commits as soon as as many have joined as did the last time, or a
millisecond later; only then are their answers sent. SQLite rather than a journal of our own, because
torn writes, replay and look-ups by key are solved there, and because a restart then costs nothing
however long the ledger.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from demo.simulator.contract import Request
from demo.simulator.rules import Holder, Seen

SCHEMA = Path(__file__).with_name("schema.sql")
FORMAT = 1
PLATFORM_TABLES = ("account", "active_option", "material", "answer")
# How long the first request of a batch waits for as many as the last batch had; a commit costs half of it.
GATHER_SECONDS = 0.001


class StateFileError(Exception):
    """The state file cannot be used; the message says why."""


class Store:
    """The open state file. One process at a time; all calls from one thread."""

    def __init__(self, path: Path, *, on_failure: Callable[[BaseException], None]) -> None:
        self._on_failure = on_failure
        self._batch: asyncio.Future[None] | None = None
        self._joined = self._joined_last = 0
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=0.2, check_same_thread=True)
            # Exclusive: a second simulator on this file must fail at its start, not corrupt the first.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            # FULL syncs the log at each commit: an answered request survives SIGKILL and power loss.
            self._db.execute("PRAGMA synchronous = FULL")
            (found,) = self._db.execute("PRAGMA user_version").fetchone()
            if found not in (0, FORMAT):
                raise StateFileError(f"state file {path} has format {found}, this simulator reads {FORMAT}")
            self._db.executescript(SCHEMA.read_text(encoding="utf-8"))
            self._db.execute(f"PRAGMA user_version = {FORMAT}")
        except sqlite3.Error as error:
            reason = "another simulator uses it" if "locked" in str(error) else str(error)
            raise StateFileError(f"state file {path} cannot be used: {reason}") from None
        (self._last_n,) = self._db.execute("SELECT coalesce(max(n), 0) FROM ledger").fetchone()

    # -- deciding ---------------------------------------------------------------------------------

    def next_n(self) -> int:
        """Give the ledger number of the request just received."""
        self._last_n += 1
        return int(self._last_n)

    def seen(self, request: Request) -> Seen:
        """Gather what the decision of *request* depends on."""
        account, parameters = request.account, request.parameters
        exists = self._db.execute("SELECT 1 FROM account WHERE account = ?", (account,)).fetchone()
        active: Iterable[tuple[str]] = ()
        holder = None
        if "options" in parameters:
            active = self._db.execute(
                "SELECT option FROM active_option WHERE account = ? AND distributor = ?",
                (account, parameters["distributor"]),
            ).fetchall()
        elif "serial_number" in parameters:
            row = self._db.execute(
                "SELECT account, distributor FROM material WHERE serial_number = ?",
                (parameters["serial_number"],),
            ).fetchone()
            holder = Holder(account=row[0], distributor=row[1]) if row else None
        return Seen(
            account_exists=exists is not None,
            active=frozenset(option for (option,) in active),
            holder=holder,
        )

    def take_effect(self, request: Request, changed: Iterable[str]) -> None:
        """Change the platform as the accepted *request* asks; *changed* are the options to turn."""
        self._begin()
        account, parameters = request.account, request.parameters
        places = [(account, parameters.get("distributor"), option) for option in changed]
        match request.command:
            case "CREATE_ACCOUNT":
                self._db.execute("INSERT INTO account VALUES (?)", (account,))
            case "ACTIVATE_OPTIONS":
                self._db.executemany("INSERT INTO active_option VALUES (?, ?, ?)", places)
            case "SUSPEND_OPTIONS":
                self._db.executemany(
                    "DELETE FROM active_option WHERE account = ? AND distributor = ? AND option = ?", places
                )
            case "ADD_MATERIAL":
                self._db.execute(
                    "INSERT INTO material VALUES (?, ?, ?, ?)",
                    (
                        parameters["serial_number"],
                        account,
                        parameters["distributor"],
                        parameters["material_type"],
                    ),
                )
            case "REMOVE_MATERIAL":
                self._db.execute(
                    "DELETE FROM material WHERE serial_number = ?", (parameters["serial_number"],)
                )

    def remembered(self, key: str) -> tuple[bytes, str] | None:
        """Give the digest and the answer first kept under *key*."""
        row: tuple[bytes, str] | None = self._db.execute(
            "SELECT digest, body FROM answer WHERE request_number = ?", (key,)
        ).fetchone()
        return row

    def remember(self, key: str, digest: bytes, body: str) -> None:
        """Keep *body* as the answer to *key*."""
        self._begin()
        self._db.execute("INSERT INTO answer VALUES (?, ?, ?)", (key, digest, body))

    def record(self, entry: Mapping[str, Any]) -> None:
        """Write a ledger entry, or what has become of it since its receipt."""
        self._begin()
        self._db.execute(
            "INSERT INTO ledger VALUES (:n, :received_at, :request_number, :command, :account, :parameters,"
            " :digest, :overlapping, :applied, :replayed, :status, :body, :fault)"
            " ON CONFLICT (n) DO UPDATE SET applied = excluded.applied, replayed = excluded.replayed,"
            " status = excluded.status, body = excluded.body",
            entry,
        )
        self._joined += 1
        if self._joined >= self._joined_last:
            # Soon, not now: who else is at hand in this turn of the loop still joins.
            asyncio.get_running_loop().call_soon(self.flush)

    # -- durability -------------------------------------------------------------------------------

    async def durable(self) -> None:
        """Return once everything changed so far is on disk. Cancelling the waiter undoes nothing."""
        if self._batch is not None:
            await asyncio.shield(self._batch)

    def flush(self) -> None:
        """Commit now; whoever waits in durable() is let go."""
        batch, self._batch = self._batch, None
        if batch is None:
            return
        self._joined, self._joined_last = 0, self._joined
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._give_up(batch, error)
        else:
            batch.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Undo the open batch after *error* in the middle of a decision: none of it may be answered."""
        batch, self._batch = self._batch, None
        self._give_up(batch, error)

    def close(self) -> None:
        """Commit and close."""
        self.flush()
        self._db.close()

    def _begin(self) -> None:
        if self._batch is None:
            self._db.execute("BEGIN IMMEDIATE")
            loop = asyncio.get_running_loop()
            self._batch = loop.create_future()
            loop.call_later(GATHER_SECONDS, self.flush)

    def _give_up(self, batch: asyncio.Future[None] | None, error: BaseException) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        if batch is not None:
            batch.set_exception(ConnectionResetError(f"not durable: {error}"))
            batch.exception()  # a batch nobody waits for is not worth a warning: on_failure ends the process
        self._on_failure(error)

    # -- looking and turning back -----------------------------------------------------------------

    def ledger_page(self, *, after: int, limit: int) -> list[tuple[Any, ...]]:
        """Give up to *limit* ledger rows with n > *after*, in order."""
        return self._db.execute(
            "SELECT n, received_at, request_number, command, account, parameters, digest, overlapping,"
            " applied, replayed, status, body, fault FROM ledger WHERE n > ? ORDER BY n LIMIT ?",
            (after, limit),
        ).fetchall()

    def accounts_page(self, *, after: str, limit: int) -> list[str]:
        """Give up to *limit* accounts that sort after *after*, in order."""
        rows = self._db.execute(
            "SELECT account FROM account WHERE account > ? ORDER BY account LIMIT ?", (after, limit)
        )
        return [account for (account,) in rows]

    def account_state(self, account: str) -> dict[str, Any]:
        """Give what the platform holds for *account*, in the control contract's shape."""
        exists = self._db.execute("SELECT 1 FROM account WHERE account = ?", (account,)).fetchone()
        options = self._db.execute(
            "SELECT distributor, option FROM active_option WHERE account = ? ORDER BY distributor, option",
            (account,),
        )
        materials = self._db.execute(
            "SELECT distributor, serial_number, material_type FROM material WHERE account = ?"
            " ORDER BY distributor, serial_number",
            (account,),
        )
        return {
            "exists": exists is not None,
            "options": [{"distributor": distributor, "option": option} for distributor, option in options],
            "materials": [
                {"distributor": distributor, "serial_number": serial_number, "material_type": material_type}
                for distributor, serial_number, material_type in materials
            ],
        }

    def snapshot(self, taken_at: str) -> int:
        """Keep the platform as it is now, replacing the last snapshot; returns the number of accounts."""
        self.flush()
        self._copy(source="", target="snapshot_", note=("DELETE FROM snapshot", (taken_at,)))
        return int(self._db.execute("SELECT count(*) FROM snapshot_account").fetchone()[0])

    def restore(self) -> str | None:
        """Put the platform back as of the last snapshot; returns when that was taken, None if never."""
        self.flush()
        row = self._db.execute("SELECT taken_at FROM snapshot").fetchone()
        if row is None:
            return None
        self._copy(source="snapshot_", target="", note=None)
        return str(row[0])

    def _copy(self, *, source: str, target: str, note: tuple[str, tuple[str]] | None) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        for table in PLATFORM_TABLES:
            self._db.execute(f"DELETE FROM {target}{table}")  # noqa: S608 our own table names
            self._db.execute(f"INSERT INTO {target}{table} SELECT * FROM {source}{table}")  # noqa: S608
        if note is not None:
            self._db.execute(note[0])
            self._db.execute("INSERT INTO snapshot VALUES (?)", note[1])
        self._db.execute("COMMIT")
