"""The client against a server that does with a connection what HTTP does not allow."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from provisioner.adapters import tucano
from provisioner.adapters.tucano import Endpoint
from provisioner.core.model import AccountId, DistributorCode, OptionCode, SuspendOptions
from provisioner.core.outcome import Completed, TransportFailure, Unknown, classify
from provisioner.core.wire import Answer, Verdict

COMMAND = SuspendOptions(
    account=AccountId("S1"), distributor=DistributorCode("VP1"), options=(OptionCode("NEWS"),)
)
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
async def writing_first(odd: bytes, *, hangs_up: bool) -> AsyncIterator[Endpoint]:
    """Answer the first request with the very bytes *odd*, and all later ones as the contract says."""
    answers = iter([odd])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
                written = next(answers, None)
                writer.write(answered(REJECTED) if written is None else written)
                await writer.drain()
                if written is not None and hangs_up:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield Endpoint(url=f"http://127.0.0.1:{port}", user="u", password="p")
        server.close()


def with_body(body: bytes, *headers: bytes) -> bytes:
    lines = (b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


CUT_OFF = {
    "nothing": b"",
    "half a status line": b"HTTP/1.1 20",
    "only continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "headers alone": answered(ACCEPTED).partition(b"{")[0],
    "half a body": answered(ACCEPTED)[:-7],
}
SETTLES_NOTHING = {
    "TLS": b"\x15\x03\x01\x00\x02\x02\x28",
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "an unknown 1xx": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n\x00",
    "a body that goes on": answered(ACCEPTED[:-5]) + ACCEPTED[-5:],
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\nContent-Length: 9\r\n\r\n" + ACCEPTED,
    "a length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n"
    + ACCEPTED
    + b"\r\n0\r\n\r\n",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + ACCEPTED,
    "broken chunks": b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"sta\r\nZZ\r\n',
    "no gzip": with_body(ACCEPTED, b"Content-Encoding: gzip"),
    "too long when unpacked": with_body(
        gzip.compress(b" " * 1_000_000 + ACCEPTED), b"Content-Encoding: gzip"
    ),
    "no JSON": with_body(b"<html>maintenance</html>", b"Content-Type: application/json"),
    "two documents": with_body(ACCEPTED + ACCEPTED),
    "a list of answers": with_body(b"[%s]" % ACCEPTED),
    "an answer within": with_body(b'{"data":%s}' % ACCEPTED),
    "a state that is not listed": with_body(b'{"status":"PENDING"}'),
    "a state in other letters": with_body(b'{"status":"Accepted"}'),
    "a state with a blank": with_body(b'{"status":"ACCEPTED "}'),
    "bytes that are no text": with_body(b'{"status":"ACCEPTED","error_description":"pass\xe9"}'),
    "nested to drown": with_body(b"[" * 40_000),
    "a number to drown": with_body(b'{"status":"ACCEPTED","cost":%s}' % (b"9" * 6_000)),
    "another's answer": with_body(b'{"status":"ACCEPTED","request_number":"PR-7"}'),
    "201": b"HTTP/1.1 201 Created\r\nContent-Length: 21\r\n\r\n" + ACCEPTED,
    "202": b"HTTP/1.1 202 Accepted\r\nContent-Length: 21\r\n\r\n" + ACCEPTED,
}
UNTIL_IT_HANGS_UP = b"HTTP/1.0 200 OK\r\n\r\n" + ACCEPTED
IS_AN_ANSWER = {
    "with its number": with_body(b'{"status":"ACCEPTED","request_number":"PR-1"}'),
    "trailing headers of chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15;a=b\r\n"
    + ACCEPTED
    + b"\r\n0\r\nX-Sum: 1\r\n\r\n",
    "until it hangs up": UNTIL_IT_HANGS_UP,
    "no reason": b"HTTP/1.1 200\r\ncontent-length:21\r\n\r\n" + ACCEPTED,
    "after a continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + answered(ACCEPTED),
    "after early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answered(ACCEPTED),
    "packed": with_body(gzip.compress(ACCEPTED), b"Content-Encoding: gzip"),
    "as a page": with_body(ACCEPTED, b"Content-Type: text/html; charset=nonsense"),
    "with other accounts": with_body(
        b'{"status":"ACCEPTED","accounts":[{"account":"S2","status":"REJECTED"}],"next":"/2"}'
    ),
    "with what JSON does not have": with_body(b'{"status":"ACCEPTED","cost":NaN,"most":1e999}'),
}


def asked_twice(odd: bytes) -> tuple[Answer | TransportFailure, Answer | TransportFailure]:
    hangs_up = odd in (*CUT_OFF.values(), UNTIL_IT_HANGS_UP)

    async def ask() -> tuple[Answer | TransportFailure, Answer | TransportFailure]:
        async with (
            writing_first(odd, hangs_up=hangs_up) as endpoint,
            tucano.connect(endpoint, in_flight=1) as client,
        ):
            return await client.send("PR-1", b"{}"), await client.send("PR-2", b"{}")

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "odd", [*CUT_OFF.values(), *SETTLES_NOTHING.values()], ids=[*CUT_OFF, *SETTLES_NOTHING]
)
def test_what_is_no_answer_of_the_contract_leaves_in_doubt_and_the_next_request_gets_its_own(
    odd: bytes,
) -> None:
    first, second = asked_twice(odd)

    assert isinstance(classify(COMMAND, first), Unknown)
    assert isinstance(second, Answer) and second.verdict is Verdict.REJECTED


@pytest.mark.parametrize("odd", IS_AN_ANSWER.values(), ids=IS_AN_ANSWER)
def test_an_answer_in_odd_clothes_is_one_and_the_next_request_gets_its_own(odd: bytes) -> None:
    first, second = asked_twice(odd)

    assert classify(COMMAND, first) == Completed()
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
