"""Copies the CRM's actions to the inbox as soon as they are committed there, each once, none skipped.

Three things could go wrong and do not. A transaction that stays open shows its ids late: the feed is read again from
the oldest transaction that the last look saw open. A wake-up is lost: a look is taken each second anyway. This process
dies: what was read and how far is one commit.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta

import psycopg

from provisioner.adapters import actions, inbox, sql
from provisioner.adapters.actions import Action
from provisioner.adapters.connections import Connections
from provisioner.core import policy
from provisioner.core.errors import SourceError
from provisioner.failpoint import failpoint

OVERLAP = timedelta(seconds=policy.OVERLAP_SECONDS)
# Where nothing new came, how far the feed was read is written down this often.
CURSOR_SECONDS = 10.0
# So many looks in a row that found something without having been woken: nobody notifies.
SILENT_LOOKS = 3
# A look that takes longer than this makes room for quick ones.
DEAR_SECONDS = 0.02
# A CRM that nobody may listen at is asked again after this long: it may have become a primary.
LISTEN_AGAIN_SECONDS = 60.0

log = logging.getLogger(__name__)


class Feed:
    """Reads the feed until *ending* is set; *on_new* hears how many actions came."""

    def __init__(self, ending: asyncio.Event, on_new: Callable[[int], None]) -> None:
        self._ending = ending
        self._on_new = on_new
        self._woken = asyncio.Event()
        self._listens = False
        self._silent_looks = 0

    @property
    def mode(self) -> str:
        """Return LISTEN where the CRM's wake-ups arrive, else POLL."""
        return "LISTEN" if self._listens and self._silent_looks < SILENT_LOOKS else "POLL"

    async def run(self, connections: Connections, on_alive: Callable[[], None]) -> None:
        """Read until the end; *on_alive* is called after each look that worked."""
        listening = asyncio.create_task(self._listen(connections.crm_dsn))
        try:
            with ExitStack() as opened:
                source = await asyncio.to_thread(opened.enter_context, connections.crm())
                db = await asyncio.to_thread(opened.enter_context, connections.provisioning())
                source.autocommit = True
                reader = _Reader(source, db)
                await asyncio.to_thread(reader.begin)
                while not self._ending.is_set():
                    was_woken = self._woken.is_set()
                    self._woken.clear()
                    found = await asyncio.to_thread(reader.look)
                    on_alive()
                    if found:
                        self._silent_looks = 0 if was_woken else self._silent_looks + 1
                        self._on_new(found)
                    await _first_of(self._woken, self._ending, seconds=reader.pause())
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self, crm_dsn: str) -> None:
        while True:
            try:
                async with actions.listening(crm_dsn) as notifications:
                    self._listens = True
                    # Whatever was committed before this is found by the look that follows.
                    self._woken.set()
                    async for _ in notifications:
                        self._silent_looks = 0
                        self._woken.set()
            except psycopg.Error as error:
                log.warning(
                    "nobody may listen at crm_db (%s): the lane looks each second", type(error).__name__
                )
            self._listens = False
            await asyncio.sleep(LISTEN_AGAIN_SECONDS)


class _Reader:
    """One reader of the feed; its calls are made one at a time."""

    def __init__(self, source: sql.Connection, db: sql.Connection) -> None:
        self._source = source
        self._db = db
        self._by_transaction = actions.begins_at_transactions()
        self._newest = 0
        self._began = 0
        self._from_transaction: str | None = None
        self._seen: set[str] = set()
        self._again_at = 0.0
        self._wrote_at = 0.0

    def begin(self) -> None:
        """Go on where the last lane stopped; the first one begins with the actions of the last minutes."""
        # Each statement is planned for its values: read from a transaction on, most of the table is not looked at.
        self._source.execute("SET plan_cache_mode = force_custom_plan")
        actions.check_contract(self._source)
        with self._db.transaction():
            cursor = inbox.read_cursor(self._db)
        if cursor is not None:
            self._newest, self._began = cursor.action_id, cursor.began_at_action
            self._from_transaction = cursor.from_transaction
            return
        moment = actions.moment(self._source)
        recent: list[Action] = []
        for page in actions.read(self._source, after=0, from_transaction=None):
            recent += [one for one in page if one.performed_at >= moment.now - OVERLAP]
            self._newest = page[-1].action_id
            self._learn(page)
        self._began = min([self._newest, *(one.action_id - 1 for one in recent)])
        self._from_transaction = moment.oldest_transaction if self._by_transaction else None
        self._keep(recent)

    def look(self) -> int:
        """Copy what is new; return how much that is."""
        began = time.monotonic()
        if began < self._again_at:
            # Reading again is dear just now (a transaction is open for long): only what has a higher id.
            return self._keep(self._read(after=self._newest, from_transaction=None))
        moment = actions.moment(self._source)
        if self._by_transaction and self._from_transaction is not None:
            # The smaller of the two: a CRM that was restored counts from lower numbers again.
            start = min(int(self._from_transaction), int(moment.oldest_transaction))
            found = self._read(after=0, from_transaction=str(start))
        else:
            with self._db.transaction():
                after = inbox.overlap_begins_after(self._db, OVERLAP)
            found = self._read(after=self._began if after is None else after, from_transaction=None)
        fresh = [one for one in found if one.transaction_reference not in self._seen]
        self._seen = {one.transaction_reference for one in found}
        self._from_transaction = moment.oldest_transaction if self._by_transaction else None
        ended = time.monotonic()
        dear = ended - began > DEAR_SECONDS
        self._again_at = ended + (ended - began) / policy.LOOK_SHARE if dear else 0.0
        return self._keep(fresh)

    def pause(self) -> float:
        """Return the seconds to the next look that nothing wakes."""
        wait = self._again_at - time.monotonic()
        return min(policy.POLL_SECONDS, wait) if wait > 0 else policy.POLL_SECONDS

    def _read(self, *, after: int, from_transaction: str | None) -> list[Action]:
        try:
            found = [
                one
                for page in actions.read(self._source, after=after, from_transaction=from_transaction)
                for one in page
            ]
        except psycopg.ProgrammingError as error:
            raise SourceError(f"include/sql/crm/read_actions.sql failed on crm_db: {error}") from error
        self._learn(found)
        self._newest = max([self._newest, *(one.action_id for one in found)])
        return found

    def _learn(self, found: list[Action]) -> None:
        if self._by_transaction and any(not one.has_transaction_id for one in found):
            self._by_transaction, self._from_transaction = False, None

    def _keep(self, found: list[Action]) -> int:
        """Copy actions and record how far the feed was read, in one commit."""
        self._seen.update(one.transaction_reference for one in found)
        # Only what was executed changed anything.
        new = [one for one in found if one.executed or one.problem]
        due = time.monotonic() - self._wrote_at >= CURSOR_SECONDS
        if not new and not due:
            return 0
        with self._db.transaction():
            # Lost together in a crash of the server, and then read again from the CRM.
            self._db.execute("SET LOCAL synchronous_commit = off")
            kept = 0
            for start in range(0, len(new), actions.PAGE):
                kept += inbox.insert(self._db, new[start : start + actions.PAGE])
            inbox.write_cursor(
                self._db,
                action_id=self._newest,
                from_transaction=self._from_transaction,
                began_at_action=self._began,
            )
            failpoint("actions.written")
        failpoint("actions.committed")
        self._wrote_at = time.monotonic()
        return kept


async def _first_of(*events: asyncio.Event, seconds: float) -> None:
    """Wait until one of *events* is set, or for so long."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()
