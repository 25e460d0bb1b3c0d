"""The least a platform can be: says ACCEPTED to every request, at once or after a fixed time.

`python -m benchmarks.responder [--after SECONDS] [--arrivals FILE]` prints its port, serves until its input is closed
and remembers nothing but, where it is asked to, when which account's request arrived. The simulator would measure
itself: it validates, applies and keeps a ledger.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, cast

import uvloop

BODY = b'{"status":"ACCEPTED","reference_number":"TR-0000000001"}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
    + str(len(BODY)).encode()
    + b"\r\n\r\n"
    + BODY
)
LENGTH = b"content-length:"
ACCOUNT = re.compile(rb'"account": ?"([^"]*)"')
END_SECONDS = 5.0


class Connection(asyncio.Protocol):
    """One client: reads request after request, by their Content-Length."""

    def __init__(self, after: float, arrivals: IO[str] | None = None) -> None:
        self._after = after
        self._arrivals = arrivals
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, received: bytes) -> None:
        """Answer every request that is whole."""
        self._received += received
        while (size := request_size(self._received)) is not None and len(self._received) >= size:
            if self._arrivals is not None and (found := ACCOUNT.search(self._received, 0, size)):
                self._arrivals.write(f"{time.time()} {found[1].decode()}\n")
            self._received = self._received[size:]
            if self._after:
                asyncio.get_running_loop().call_later(self._after, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)


def request_size(received: bytes) -> int | None:
    """Return the bytes of the first request in *received*, or None while its headers have not all come."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    headers = received[:end].lower()
    start = headers.find(LENGTH)
    length = int(headers[start + len(LENGTH) :].split(b"\r\n", 1)[0]) if start >= 0 else 0
    return end + 4 + length


async def serve(after: float, arrivals: IO[str] | None = None) -> None:
    """Serve on a free port of loopback until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(after, arrivals), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    server.close()


@contextmanager
def running(*, after: float, arrivals: Path | None = None) -> Iterator[str]:
    """Run a responder that answers *after* seconds as a process of its own; give its URL.

    *arrivals* is a file that gets a line for each request: the time by this machine's clock, and the account.
    """
    noting = ["--arrivals", str(arrivals)] if arrivals else []
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.responder", "--after", str(after), *noting],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    given, said = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
    try:
        # It ends with its input, so that it cannot outlive us whatever ends us.
        yield f"http://127.0.0.1:{int(said.readline())}"
    finally:
        given.close()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        said.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--after", type=float, default=0.0)
    parser.add_argument("--arrivals", type=Path)
    options = parser.parse_args()
    with ExitStack() as opened:
        noted = opened.enter_context(options.arrivals.open("w", buffering=1)) if options.arrivals else None
        uvloop.run(serve(options.after, noted))
