"""The least a platform can be: says ACCEPTED to every request, at once or after a fixed time.

`python -m benchmarks.responder [--after SECONDS]` prints its port, serves until its input is closed and remembers
nothing. The simulator would measure itself: it validates, applies and keeps a ledger.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
END_SECONDS = 5.0


class Connection(asyncio.Protocol):
    """One client: reads request after request, by their Content-Length."""

    def __init__(self, after: float) -> None:
        self._after = after
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, received: bytes) -> None:
        """Answer every request that is whole."""
        self._received += received
        while (size := request_size(self._received)) is not None and len(self._received) >= size:
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


async def serve(after: float) -> None:
    """Serve on a free port of loopback until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(after), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    server.close()


@contextmanager
def running(*, after: float) -> Iterator[str]:
    """Run a responder that answers *after* seconds as a process of its own; give its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.responder", "--after", str(after)],
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
    uvloop.run(serve(parser.parse_args().after))
