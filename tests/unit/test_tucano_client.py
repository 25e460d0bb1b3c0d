"""The client against a server that does with a connection what HTTP does not allow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from provisioner.adapters import tucano
from provisioner.adapters.tucano import Endpoint
from provisioner.core.outcome import TransportFailure
from provisioner.core.wire import Answer, Verdict

ACCEPTED, REJECTED = b'{"status":"ACCEPTED"}', b'{"status":"REJECTED","error_code":"UNKNOWN_OPTION"}'
TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def answered(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@asynccontextmanager
async def served(unasked: bytes) -> AsyncIterator[tuple[Endpoint, asyncio.Event]]:
    """Serve one ACCEPTED, then say *unasked* on the idle connection, and refuse all later requests."""
    may_say, first = asyncio.Event(), True

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal first
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
                writer.write(answered(ACCEPTED if first else REJECTED))
                if first:
                    first = False
                    await may_say.wait()
                    writer.write(unasked)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield Endpoint(url=f"http://127.0.0.1:{port}", user="u", password="p"), may_say
        server.close()


@pytest.mark.parametrize(
    "unasked", [answered(ACCEPTED), TIMEOUT], ids=["answered twice", "408 to an idle one"]
)
def test_what_came_while_nobody_asked_is_no_answer_to_the_next_request(unasked: bytes) -> None:
    async def ask_twice() -> tuple[object, object]:
        async with served(unasked) as (endpoint, may_say), tucano.connect(endpoint, in_flight=1) as client:
            first = await client.send("PR-1", b"{}")
            may_say.set()
            for _ in range(20):  # what a server wrote on this machine is there: only the loop has to turn
                await asyncio.sleep(0.01)
            return first, await client.send("PR-2", b"{}")

    first, second = asyncio.run(ask_twice())

    assert isinstance(first, Answer) and first.verdict is Verdict.ACCEPTED
    assert isinstance(second, Answer) and second.verdict is Verdict.REJECTED


@asynccontextmanager
async def saying(answer: bytes) -> AsyncIterator[Endpoint]:
    """Serve *answer* to each request, and end the connection after it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Endpoint(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", user="u", password="p")


def asked(answer: bytes) -> Answer | TransportFailure:
    """Ask a server that says *answer*."""

    async def ask() -> Answer | TransportFailure:
        async with saying(answer) as endpoint, tucano.connect(endpoint, in_flight=1) as client:
            return await client.send("PR-1", b"{}")

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", b"no HTTP at all\r\n\r\n"]
)
def test_only_a_connection_that_was_never_made_proves_that_nothing_left(answer: bytes) -> None:
    broken = asked(answer)

    assert isinstance(broken, TransportFailure) and broken.sent


def test_an_answer_longer_than_the_contracts_is_not_read_to_its_end_and_not_understood() -> None:
    short, long = (b'{"status":"ACCEPTED","reference_number":"%s"}' % (b"R" * size) for size in (10, 100_000))

    understood, cut = asked(answered(short)), asked(answered(long))

    assert isinstance(understood, Answer) and understood.verdict is Verdict.ACCEPTED
    assert isinstance(cut, Answer) and cut.verdict is None


def test_no_proxy_of_the_environment_sees_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")

    reached = asked(answered(ACCEPTED))

    assert isinstance(reached, Answer) and reached.verdict is Verdict.ACCEPTED
