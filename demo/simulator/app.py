"""The platform's HTTP side: who may ask, what was asked, what goes back, and what the observer notes."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from time import monotonic
from typing import Any

from aiohttp import web

from demo.simulator.capacity import Capacity
from demo.simulator.contract import REQUESTS_PATH, NotJsonError, read_json
from demo.simulator.desk import Decided, Desk, Received, problem
from demo.simulator.faults import Chosen, Faults
from demo.simulator.misbehaviour import CHALLENGE, Reply, plain, reply_of, seconds_as_header, send


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The Authorization headers this platform knows."""

    allowed: str
    forbidden: str | None

    @classmethod
    def of(cls, user: str, password: str, forbidden_user: str | None) -> Credentials:
        """Accept *user* with *password*; *forbidden_user*, same password, is known but may not provision."""
        return cls(
            allowed=_basic(user, password),
            forbidden=_basic(forbidden_user, password) if forbidden_user else None,
        )

    def complaint(self, authorization: str) -> Reply | None:
        """Give the 401 or 403 that *authorization* deserves, or None."""
        scheme, _, token = authorization.partition(" ")
        given = f"{scheme.lower()} {token.strip()}"
        if _same(given, self.allowed):
            return None
        if self.forbidden is not None and _same(given, self.forbidden):
            return Reply(status=403, body=problem("these credentials may not provision"))
        return Reply(status=401, body=problem("unknown credentials"), headers=CHALLENGE)


@dataclass(slots=True, kw_only=True)
class Platform:
    """Answers the requests of one simulator; *answering* are the connections with a request in hand."""

    desk: Desk
    faults: Faults
    credentials: Credentials
    capacity: Capacity | None = None
    answering: set[asyncio.Transport | None] = field(default_factory=set)
    _open_by_account: Counter[str] = field(default_factory=Counter)
    _unfinished: set[asyncio.Task[Any]] = field(default_factory=set)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request: a handler of aiohttp's low-level server."""
        transport = request.transport
        self.answering.add(transport)
        try:
            return await self._answer(request)
        finally:
            self.answering.discard(transport)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path != REQUESTS_PATH:
            return plain(Reply(status=404, body=problem(f"there is only {REQUESTS_PATH}")))
        if request.method != "POST":
            return plain(Reply(status=405, body=problem("only POST"), headers={"Allow": "POST"}))
        try:
            raw = await request.read()
        except web.HTTPRequestEntityTooLarge:
            raw, document = b"", None
            unreadable: str | None = "the body is larger than a megabyte"
        else:
            document, unreadable = _parse(raw)
        entry = _entry(self.desk.store.next_n(), request.headers, raw, document)
        with self._open(entry):
            complaint = self._at_the_gate(request, document, unreadable)
            if complaint is not None:
                self._note(entry, complaint)
                await self.desk.store.durable()
                return plain(complaint)
            received = Received(
                n=entry["n"],
                key=request.headers["Idempotency-Key"],
                digest=bytes.fromhex(entry["digest"]),
                document=document,
            )
            chosen = self.faults.choose(**_what_faults_look_at(document))
            entry["fault"] = chosen.name
            return await self._serve(request, entry, received, chosen)

    def drop_unfinished(self) -> None:
        """Forget slow requests and late applications: the process ends."""
        for task in self._unfinished:
            task.cancel()

    async def _serve(
        self, request: web.BaseRequest, entry: dict[str, Any], received: Received, chosen: Chosen
    ) -> web.StreamResponse:
        if chosen.slow_seconds or (chosen.fault and chosen.fault.kind == "apply_late"):
            self._note(entry, Reply(status=None))  # received, not decided yet
        if chosen.slow_seconds:
            # Shielded: a slow platform works off what it has received, whether or not anybody still waits.
            await asyncio.shield(self._keep(self._decide_later(chosen.slow_seconds, entry, received, chosen)))
            reply = entry.pop("reply")
        else:
            reply = self._decide(entry, received, chosen)
        await self.desk.store.durable()
        if chosen.fault is None:
            return plain(reply)
        if chosen.fault.kind != "apply_late":
            return await send(request, reply, chosen.fault)
        try:
            return await send(request, reply, chosen.fault)
        except asyncio.CancelledError:
            late = Chosen(modifiers=chosen.modifiers)
            self._keep(self._apply_late(chosen.fault.delay_seconds(1000), entry, received, late))
            raise

    async def _decide_later(
        self, seconds: float, entry: dict[str, Any], received: Received, chosen: Chosen
    ) -> None:
        await asyncio.sleep(seconds)
        entry["reply"] = self._decide(entry, received, chosen)

    async def _apply_late(
        self, seconds: float, entry: dict[str, Any], received: Received, chosen: Chosen
    ) -> None:
        await asyncio.sleep(seconds)
        self._decide(entry, received, chosen, answered=False)

    def _decide(
        self, entry: dict[str, Any], received: Received, chosen: Chosen, *, answered: bool = True
    ) -> Reply:
        """Decide and note in one step without an await, so that a commit holds both or neither."""
        fault = chosen.fault
        decided: Decided | None = None
        try:
            if fault is None or fault.applies or fault.kind == "reject":
                decided = self.desk.decide(
                    received,
                    ignore_keys="ignore_keys" in chosen.modifiers,
                    mixed_list_rejects="mixed_list_rejects" in chosen.modifiers,
                    reject=(fault.error_code or "INVALID_REQUEST")
                    if fault and fault.kind == "reject"
                    else None,
                )
            if not answered:
                reply = Reply(status=None)
            elif fault is None:
                assert decided is not None  # noqa: S101 no fault, so it was decided
                reply = Reply(status=decided.status, body=decided.body)
            else:
                reply = reply_of(fault, decided, turn=chosen.turn, now=datetime.now(UTC))
            self._note(entry, reply, decided)
        except Exception as error:
            self.desk.store.fail(error)
            raise
        return reply

    def _at_the_gate(
        self, request: web.BaseRequest, document: object, unreadable: str | None
    ) -> Reply | None:
        complaint = self.credentials.complaint(request.headers.get("Authorization", ""))
        if complaint is not None:
            return complaint
        wait = self.capacity.seconds_to_wait(monotonic()) if self.capacity else 0
        if wait:
            return Reply(
                status=429,
                body=problem("too many requests, nothing was applied"),
                headers={"Retry-After": seconds_as_header(wait)},
            )
        keys = request.headers.getall("Idempotency-Key", ())
        if len(keys) != 1 or not self.desk.contract.is_request_number(keys[0]):
            return Reply(
                status=400, body=problem("exactly one Idempotency-Key of letters, digits and - is needed")
            )
        if request.content_type != "application/json":
            return Reply(status=400, body=problem(f"application/json is needed, not {request.content_type}"))
        if unreadable is not None:
            return Reply(status=400, body=problem(unreadable))
        # Without a request_number the body breaks its schema and is decided as such; another one differs.
        if isinstance(document, dict) and document.get("request_number", keys[0]) != keys[0]:
            return Reply(status=400, body=problem("Idempotency-Key differs from request_number"))
        return None

    def _note(self, entry: dict[str, Any], reply: Reply, decided: Decided | None = None) -> None:
        entry["applied"] = decided is not None and decided.applied
        entry["replayed"] = decided is not None and decided.replayed
        entry["status"] = reply.status
        entry["body"] = reply.body_as_json()
        self.desk.store.record(entry)

    @contextmanager
    def _open(self, entry: dict[str, Any]) -> Iterator[None]:
        account = entry["account"]
        entry["overlapping"] = self._open_by_account[account] if account is not None else 0
        self._open_by_account[account] += 1
        try:
            yield
        finally:
            self._open_by_account[account] -= 1
            if not self._open_by_account[account]:
                del self._open_by_account[account]

    def _keep(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        return task


def _parse(raw: bytes) -> tuple[object, str | None]:
    try:
        return read_json(raw), None
    except NotJsonError as error:
        return None, str(error)


def _entry(n: int, headers: Mapping[str, str], raw: bytes, document: object) -> dict[str, Any]:
    fields: Mapping[str, Any] = document if isinstance(document, dict) else {}
    return {
        "n": n,
        "received_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "request_number": _text(fields.get("request_number")) or headers.get("Idempotency-Key"),
        "command": _text(fields.get("command")),
        "account": _text(fields.get("account")),
        "parameters": _as_json(fields.get("parameters")),
        "digest": sha256(raw).hexdigest(),
        "fault": None,
    }


def _what_faults_look_at(document: object) -> dict[str, Any]:
    fields: Mapping[str, Any] = document if isinstance(document, dict) else {}
    parameters = fields.get("parameters")
    options = parameters.get("options") if isinstance(parameters, dict) else None
    return {
        "command": _text(fields.get("command")) or "",
        "account": _text(fields.get("account")) or "",
        "options": [each for each in options if isinstance(each, str)] if isinstance(options, list) else [],
    }


def _as_json(value: object) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):  # 1e999, or nested without end: nothing a ledger could show
        return "null"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _basic(user: str, password: str) -> str:
    return "basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), known.encode())
