"""The fastest sender there is: wrk, or where it is not installed a client that reads nothing of the answer."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvloop

from provisioner.adapters.tucano import PATH

SCRIPT = Path(__file__).parent / "post.lua"
BODY = (
    b'{"request_number":"PR-0000000123","command":"ACTIVATE_OPTIONS","account":"S0000000309",'
    b'"parameters":{"distributor":"VP1","options":["ENTERTAIN","GEOLOGICAL"]}}'
)


class NotAnsweredError(Exception):
    """The reference did not get the answers it should."""


def wrk_is_there() -> bool:
    """Tell whether wrk is on PATH."""
    return shutil.which("wrk") is not None


def wrk(url: str, *, in_flight: int, seconds: int) -> float:
    """Return the requests a second that wrk gets answered in so many *seconds*, *in_flight* at a time."""
    command = ["wrk", "-t1", f"-c{in_flight}", f"-d{seconds}s", "-s", str(SCRIPT), url + PATH]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s*([0-9.]+)", said)
    if found is None or "Non-2xx" in said or "Socket errors" in said:
        raise NotAnsweredError(f"wrk said: {said}")
    return float(found[1])


def minimal_client(url: str, *, in_flight: int, requests: int) -> float:
    """Return the requests a second of bare asyncio connections, the next one sent when an answer comes."""
    began = time.perf_counter()
    uvloop.run(_send_all(url, in_flight, requests))
    return requests / (time.perf_counter() - began)


async def _send_all(url: str, in_flight: int, requests: int) -> None:
    loop = asyncio.get_running_loop()
    host = urlsplit(url).netloc
    name, _, port = host.partition(":")
    left = iter(range(requests))
    clients = [Client(left, host.encode()) for _ in range(in_flight)]
    for client in clients:
        await loop.create_connection(partial(_same, client), name, int(port))
    await asyncio.gather(*(client.done for client in clients))


def _same(client: Client) -> Client:
    return client


class Client(asyncio.Protocol):
    """One connection that sends while the shared count of requests lasts."""

    def __init__(self, left: Iterator[int], host: bytes) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = left
        self._request = b"\r\n".join(
            (
                b"POST " + PATH.encode() + b" HTTP/1.1",
                b"Host: " + host,
                b"Content-Type: application/json",
                b"Idempotency-Key: PR-0000000123",
                b"Content-Length: " + str(len(BODY)).encode(),
                b"",
                BODY,
            )
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, received: bytes) -> None:
        """Take what comes for one whole answer: the responder writes it at once."""
        if not received.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(NotAnsweredError(f"the responder said {received[:80]!r}"))
            self._transport.close()
        else:
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell when the responder left too early."""
        if not self.done.done():
            self.done.set_exception(error or NotAnsweredError("the responder closed a connection"))

    def _next(self) -> None:
        if next(self._left, None) is None:
            self.done.set_result(None)
            self._transport.close()
        else:
            self._transport.write(self._request)
