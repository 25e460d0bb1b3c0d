"""The side of observers and trainers: ledger, accounts, faults, capacity, snapshot (docs/simulator.md)."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from aiohttp import web

from demo.simulator.app import Platform
from demo.simulator.capacity import Capacity
from demo.simulator.desk import problem
from demo.simulator.faults import BadFaultError, read_faults
from demo.simulator.listener import Listener
from demo.simulator.store import Store

PAGE = 10_000  # entries of one answer: some megabytes, built in a fraction of a second
log = logging.getLogger("tucano")


class Control:
    """The handlers of the control port."""

    def __init__(self, platform: Platform, listener: Listener) -> None:
        self._platform = platform
        self._listener = listener

    def application(self) -> web.Application:
        """Give the application with all its routes."""
        application = web.Application(middlewares=[_problems])
        application.add_routes(
            [
                web.get("/control/ledger", self.ledger),
                web.get("/control/accounts", self.accounts),
                web.get("/control/accounts/{account}", self.account),
                web.get("/control/faults", self.show_faults),
                web.put("/control/faults", self.put_faults),
                web.delete("/control/faults", self.clear_faults),
                web.get("/control/capacity", self.show_capacity),
                web.put("/control/capacity", self.put_capacity),
                web.delete("/control/capacity", self.clear_capacity),
                web.post("/control/snapshot", self.snapshot),
                web.post("/control/restore", self.restore),
            ]
        )
        return application

    @property
    def _store(self) -> Store:
        return self._platform.desk.store

    async def ledger(self, request: web.Request) -> web.Response:
        """Give the requests received after *after*, in order of receipt."""
        after = _whole_number(request.query.get("after", "0"), "after")
        limit = min(PAGE, max(1, _whole_number(request.query.get("limit", str(PAGE)), "limit")))
        self._store.flush()  # what the observer reads is durable too
        rows = self._store.ledger_page(after=after, limit=limit)
        entries = ",".join(_entry(row) for row in rows)
        return _json(f'{{"entries": [{entries}], "next": {rows[-1][0] if rows else after}}}')

    async def accounts(self, request: web.Request) -> web.Response:
        """Give the states of the accounts that sort after *after*; *next* is null on the last page."""
        limit = min(PAGE, max(1, _whole_number(request.query.get("limit", str(PAGE)), "limit")))
        self._store.flush()
        names = self._store.accounts_page(after=request.query.get("after", ""), limit=limit)
        states = [{"account": name, **self._store.account_state(name)} for name in names]
        return _json(json.dumps({"accounts": states, "next": names[-1] if len(names) == limit else None}))

    async def account(self, request: web.Request) -> web.Response:
        """Give the state of one account; one that does not exist has an empty state, not a 404."""
        self._store.flush()
        return _json(json.dumps(self._store.account_state(request.match_info["account"])))

    async def show_faults(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """Give the faults in force, each with how often it fired."""
        return _json(json.dumps({"faults": self._platform.faults.listed()}))

    async def put_faults(self, request: web.Request) -> web.Response:
        """Replace all faults."""
        contract = self._platform.desk.contract
        faults, seed = read_faults(
            await _body(request), commands=contract.commands, error_codes=contract.error_codes
        )
        self._platform.faults.replace(faults, seed=seed)
        log.info("faults: %s", ", ".join(fault.kind for fault in faults) or "none")
        await self._listener.obey_faults()
        return await self.show_faults(request)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """End all faults."""
        self._platform.faults.replace(())
        log.info("faults: none")
        await self._listener.obey_faults()
        return await self.show_faults(request)

    async def show_capacity(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """Give the capacity in force; nulls: unlimited."""
        capacity = self._platform.capacity
        return _json(
            json.dumps(
                {
                    "requests_per_second": capacity.requests_per_second if capacity else None,
                    "burst": capacity.burst if capacity else None,
                }
            )
        )

    async def put_capacity(self, request: web.Request) -> web.Response:
        """Let in so many requests a second; the bucket starts full."""
        asked = await _body(request)
        if not isinstance(asked, dict) or set(asked) - {"requests_per_second", "burst"}:
            raise BadFaultError('the body must be {"requests_per_second": n, "burst": n}')
        rate = _positive(asked.get("requests_per_second"), "requests_per_second", at_least=0.001)
        burst = _positive(asked.get("burst", max(1, rate)), "burst", at_least=1)
        self._platform.capacity = Capacity(requests_per_second=rate, burst=burst, refilled_at=monotonic())
        log.info("capacity: %g requests per second, burst %g", rate, burst)
        return await self.show_capacity(request)

    async def clear_capacity(self, request: web.Request) -> web.Response:
        """Let in everything."""
        self._platform.capacity = None
        log.info("capacity: unlimited")
        return await self.show_capacity(request)

    async def snapshot(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """Keep the platform as it is now; stops the world for some seconds per million rows."""
        taken_at = datetime.now(UTC).isoformat(timespec="microseconds")
        accounts = self._store.snapshot(taken_at)
        log.info("snapshot: %d accounts", accounts)
        return _json(json.dumps({"taken_at": taken_at, "accounts": accounts}))

    async def restore(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """Put the platform back as of the snapshot; 409 if there is none."""
        taken_at = self._store.restore()
        if taken_at is None:
            return _json(problem("no snapshot was taken: POST /control/snapshot first"), status=409)
        log.info("restored the snapshot of %s", taken_at)
        return _json(json.dumps({"restored": taken_at}))


@web.middleware
async def _problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except BadFaultError as error:
        return _json(problem(str(error)), status=400)
    except OSError as error:
        return _json(problem(f"cannot listen again: {error}"), status=500)
    except web.HTTPException as error:
        return _json(problem(f"{error.status} {error.reason}"), status=error.status)


def _json(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="application/json")


def _entry(row: tuple[Any, ...]) -> str:
    n, received_at, request_number, command, account, parameters, digest, overlapping = row[:8]
    applied, replayed, status, body, fault = row[8:]
    head = json.dumps(
        {
            "n": n,
            "received_at": received_at,
            "request_number": request_number,
            "command": command,
            "account": account,
            "applied": bool(applied),
            "replayed": bool(replayed),
            "status": status,
            "fault": fault,
            "overlapping": overlapping,
            "digest": digest,
        }
    )
    return f'{head[:-1]}, "parameters": {parameters}, "body": {body}}}'


async def _body(request: web.Request) -> object:
    try:
        return json.loads(await request.text())
    except ValueError as error:
        raise BadFaultError(f"the body is not JSON: {error}") from None


def _whole_number(text: str, name: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise BadFaultError(f"{name}: {text!r} is not a whole number")
    return int(text)


def _positive(value: object, name: str, *, at_least: float) -> float:
    if (
        not isinstance(value, int | float)
        or isinstance(value, bool)
        or not math.isfinite(value)
        or value < at_least
    ):
        raise BadFaultError(f"{name}: {value!r} is not a number from {at_least}")
    return value
