"""How each fault looks to the client: what it answers, and what it does to the connection instead."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.client import responses

from aiohttp import web

from demo.simulator.contract import REQUESTS_PATH
from demo.simulator.desk import Decided, problem
from demo.simulator.faults import Fault

JSON = "application/json"
CHALLENGE = {"WWW-Authenticate": 'Basic realm="Tucano", charset="UTF-8"'}
GARBAGE = ("{not json", "[]", '{"status": "MAYBE"}', "", "42")
HTML = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>"
# What a liar says when the request was not applied but the body must look like an answer.
EMPTY_PROMISE = '{"status": "ACCEPTED", "reference_number": "TUC-0000000000"}'
RESET = struct.pack("ii", 1, 0)  # SO_LINGER for zero seconds: close sends RST instead of FIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is put on the wire; *status* None: no status line is sent at all."""

    status: int | None
    body: str = ""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def body_as_json(self) -> str:
        """Give the body as JSON text for the ledger: itself, null, or a JSON string of what is no JSON."""
        if self.status is None:
            return "null"
        try:
            json.loads(self.body)
        except ValueError:
            return json.dumps(self.body)
        return self.body


def reply_of(fault: Fault, decided: Decided | None, *, turn: int, now: datetime) -> Reply:
    """Give what *fault*, firing for the *turn*-th time, answers to a request; *decided* None: not applied."""
    honest = (
        Reply(status=decided.status, body=decided.body) if decided else Reply(status=200, body=EMPTY_PROMISE)
    )
    match fault.kind:
        case "hang_before" | "hang_after" | "reset_after" | "apply_late":
            return Reply(status=None)
        case "status" | "status_but_applied" | "retry_after_date":
            return _status(fault, now)
        case "unauthorised":
            return Reply(status=401, body=problem("unknown credentials"), headers=CHALLENGE)
        case "garbage":
            return Reply(status=200, body=GARBAGE[(turn - 1) % len(GARBAGE)])
        case "html_200":
            return Reply(status=200, body=HTML, content_type="text/html")
        case "headers_then_silence":
            # The ledger shows what was sent: a status, no body. The promised length is made up.
            return Reply(status=honest.status, body="")
        case "half_body":
            return Reply(status=honest.status, body=honest.body[: len(honest.body) // 2])
        case _:
            return honest


async def send(request: web.BaseRequest, reply: Reply, fault: Fault) -> web.StreamResponse:
    """Put *reply* on the wire in the way of *fault*. Returns only if the connection is to live on."""
    match fault.kind:
        case "hang_before" | "hang_after" | "apply_late":
            if fault.delay_ms is not None and fault.kind != "apply_late":
                await asyncio.sleep(fault.delay_seconds())
                reset(request.transport)
            return await until_the_client_leaves()
        case "slow_drip":
            return await _drip(request, reply, fault.delay_seconds(1000))
    await asyncio.sleep(fault.delay_seconds())
    match fault.kind:
        case "reset_after":
            reset(request.transport)
            return await until_the_client_leaves()
        case "headers_then_silence":
            await _stream(request, reply, promised_bytes=100)
            return await until_the_client_leaves()
        case "half_body":
            await _stream(request, reply, promised_bytes=2 * len(reply.body) + 1)
            if request.transport is not None:
                request.transport.close()
            return await until_the_client_leaves()
        case "compressed_body":
            return web.Response(
                status=reply.status or 200,
                body=gzip.compress(reply.body.encode()),
                content_type=JSON,
                headers={"Content-Encoding": "gzip"},
            )
        case _:
            return plain(reply)


def plain(reply: Reply) -> web.Response:
    """Give *reply* as an ordinary response."""
    return web.Response(
        status=reply.status or 200,
        body=reply.body.encode(),
        content_type=reply.content_type,
        headers=reply.headers,
    )


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Close *transport* with a TCP reset, dropping what was not sent yet."""
    if transport is None or transport.is_closing():
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    transport.abort()  # type: ignore[attr-defined]


async def until_the_client_leaves() -> web.StreamResponse:
    """Wait for ever: the server cancels a handler whose connection is lost."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nothing sets that future")


def seconds_as_header(seconds: float) -> str:
    """Give *seconds* as Retry-After: whole ones, never too few, never 0."""
    return str(max(1, math.ceil(seconds)))


def _status(fault: Fault, now: datetime) -> Reply:
    status = fault.status or 503
    headers: dict[str, str] = {}
    if fault.kind == "retry_after_date":
        seconds = 2 if fault.retry_after is None else float(fault.retry_after)
        # A date has whole seconds; rounding down would allow a retry too early.
        until = (now + timedelta(seconds=seconds)).replace(microsecond=0) + timedelta(seconds=1)
        headers["Retry-After"] = format_datetime(until.astimezone(UTC), usegmt=True)
    elif isinstance(fault.retry_after, str):
        headers["Retry-After"] = fault.retry_after
    elif fault.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(fault.retry_after))
    if 300 <= status < 400:
        headers["Location"] = f"{REQUESTS_PATH}/elsewhere"
    if status == 401:
        headers |= CHALLENGE
    if status in (204, 304):
        return Reply(status=status, headers=headers)
    return Reply(
        status=status,
        body=problem(f"{status} by a fault of the simulator: {responses.get(status, 'no reason')}"),
        headers=headers,
    )


async def _stream(request: web.BaseRequest, reply: Reply, *, promised_bytes: int) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status or 200, headers={"Content-Type": reply.content_type})
    response.content_length = promised_bytes
    await response.prepare(request)
    await response.write(reply.body.encode())
    return response


async def _drip(request: web.BaseRequest, reply: Reply, seconds: float) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status or 200, headers={"Content-Type": reply.content_type})
    body = reply.body.encode()
    response.content_length = len(body)
    await response.prepare(request)
    for position in range(len(body)):
        await asyncio.sleep(seconds)
        await response.write(body[position : position + 1])
    await response.write_eof()
    return response
