"""Writes outcomes, what they taught and what may leave next, in batches: one commit for many accounts."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

from provisioner.adapters import batches, claims, distrust, known_state, request_log, sql
from provisioner.core import policy
from provisioner.core.model import AccountId
from provisioner.failpoint import failpoint
from provisioner.steps.work import Report


class Recorder:
    """Collects reports of many accounts and writes them together.

    `write` returns when its report is committed: True, or False where the account's claim is no longer ours and
    nothing was written. A failure of the database reaches every waiting caller.
    """

    def __init__(self, db: sql.Connection, batch_id: int) -> None:
        self._db = db
        with db.transaction():
            sql.run(db, "request_log/look_up_by_key")
        self._batch_id = batch_id
        self._waiting: list[tuple[Report, asyncio.Future[bool]]] = []
        self._wake = asyncio.Event()
        self._closing = False

    async def write(self, report: Report) -> bool:
        """Hand over a report and wait for its commit."""
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((report, written))
        self._wake.set()
        return await written

    async def run(self) -> None:
        """Write what comes until `close`."""
        now = asyncio.get_running_loop().time
        began_at = -math.inf
        while not (self._closing and not self._waiting):
            await self._wake.wait()
            patience = began_at + policy.FLUSH_SECONDS - now()
            if patience > 0 and len(self._waiting) < policy.FLUSH_ROWS and not self._closing:
                # A little patience makes one commit of many; what came while the last one was written waited enough.
                await asyncio.sleep(patience)
            self._wake.clear()
            began_at = now()
            taken, self._waiting = self._waiting[: policy.FLUSH_ROWS], self._waiting[policy.FLUSH_ROWS :]
            if self._waiting:
                self._wake.set()
            if taken:
                await self._flush(taken)

    def close(self) -> None:
        """Write what is left, then let `run` end."""
        self._closing = True
        self._wake.set()

    async def _flush(self, taken: Sequence[tuple[Report, asyncio.Future[bool]]]) -> None:
        try:
            held = await asyncio.to_thread(
                write_reports, self._db, self._batch_id, [report for report, _ in taken]
            )
        except Exception as error:
            for _, written in taken:
                if not written.done():
                    written.set_exception(error)
            return
        for report, written in taken:
            if not written.done():
                written.set_result(report.account in held)


def write_reports(db: sql.Connection, batch_id: int, reports: Sequence[Report]) -> set[AccountId]:
    """Write *reports* in one transaction; return the accounts whose claim still held.

    The claims are locked first: an outcome is written only by the one who may still speak for the account.
    """
    with db.transaction():
        held = claims.hold(db, {report.account: report.token for report in reports})
        failpoint("outcome.held")
        valid = [report for report in reports if report.account in held]
        with db.pipeline():
            _write(db, batch_id, valid)
        failpoint("outcome.written")
    failpoint("outcome.committed")
    return held


def _write(db: sql.Connection, batch_id: int, reports: Sequence[Report]) -> None:
    if unsure := [report.unknown for report in reports if report.unknown]:
        request_log.mark_unknown(db, unsure)
    if disarmed := dict(report.disarm for report in reports if report.disarm):
        request_log.disarm(db, disarmed)
    if closings := [closing for report in reports for closing in report.closings]:
        request_log.close(db, closings)
    if armed := [report.arm for report in reports if report.arm is not None]:
        request_log.arm(db, armed)
    if learned := {report.account: report.known for report in reports if report.known is not None}:
        known_state.write(db, learned)
    if settled := {report.account: report.settled for report in reports if report.settled is not None}:
        distrust.settle(db, settled)
    if doubted := {report.account: report.doubted for report in reports if report.doubted is not None}:
        distrust.doubt(db, doubted)
    if parked := {report.account: report.parked_because for report in reports if report.parked_because}:
        request_log.park(db, parked)
    ended: dict[int, list[tuple[AccountId, str, str | None]]] = {}
    for r in reports:
        if r.ending:
            of_batch = batch_id if r.batch_id is None else r.batch_id
            ended.setdefault(of_batch, []).append((r.account, r.ending.outcome, r.ending.explanation))
    for of_batch, endings in ended.items():
        batches.finish_items(db, of_batch, endings)
    if asked := {report.account: report.questions for report in reports if report.questions is not None}:
        request_log.put_in_question(db, asked)
    if released := {report.account: report.token for report in reports if report.release}:
        request_log.close_plans(db, released)
        claims.release(db, released)
