"""The platform over HTTP. What goes out are stored bytes; what comes back is an answer or a transport failure."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

from provisioner.core import policy
from provisioner.core.outcome import TransportFailure
from provisioner.core.wire import Answer, parse_answer

PATH = "/api/v1/requests"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where Tucano is and who we are there."""

    url: str
    user: str
    password: str = field(repr=False)


class TucanoClient:
    """Sends one request at a time for its caller; many callers may send at once."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: Endpoint) -> None:
        self._session = session
        self._url = endpoint.url.rstrip("/") + PATH

    async def send(self, request_number: str, body: bytes) -> Answer | TransportFailure:
        """POST *body* under *request_number*; never raises for what a network or a server may do.

        A redirect is not followed; an answer longer than the contract's can be is cut and so not understood.
        """
        try:
            async with self._session.post(
                self._url, data=body, headers={"Idempotency-Key": request_number}, allow_redirects=False
            ) as response:
                content = await response.content.read(policy.ANSWER_BYTES)
                while len(content) < policy.ANSWER_BYTES and (
                    more := await response.content.read(policy.ANSWER_BYTES - len(content))
                ):
                    content += more
                if not response.content.at_eof():
                    response.close()
                return parse_answer(
                    response.status,
                    response.headers,
                    content,
                    now=datetime.now(UTC),
                    request_number=request_number,
                )
        # Only a connection that was never made proves that nothing left.
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return TransportFailure(sent=False, reason=f"no connection: {type(error).__name__}")
        except TimeoutError:
            return TransportFailure(sent=True, reason=f"no answer in {policy.ANSWER_SECONDS:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return TransportFailure(sent=True, reason=f"connection broke: {type(error).__name__}")


class Connector(aiohttp.TCPConnector):
    """Gives no connection on which something came while nobody asked.

    A proxy that says 408 to an idle connection, or a server that answers twice, would be taken for the answer to
    the next request, and each request after that would get the answer of the one before.
    """

    async def connect(self, *given: Any, **named: Any) -> aiohttp.connector.Connection:
        """Return a connection with nothing unread."""
        while True:
            connection = await super().connect(*given, **named)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            log.warning("Tucano sent an answer that nobody had asked for: that connection is closed")
            connection.close()


@asynccontextmanager
async def connect(endpoint: Endpoint, *, in_flight: int) -> AsyncIterator[TucanoClient]:
    """Open a client with at most *in_flight* connections; closes them at the end."""
    timeout = aiohttp.ClientTimeout(
        total=policy.CONNECT_SECONDS + policy.ANSWER_SECONDS,
        sock_connect=policy.CONNECT_SECONDS,
        sock_read=policy.ANSWER_SECONDS,
    )
    async with aiohttp.ClientSession(
        headers={
            "Authorization": aiohttp.encode_basic_auth(endpoint.user, endpoint.password),
            "Content-Type": "application/json",
        },
        connector=Connector(limit=in_flight),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=timeout,
        # Proxies of the environment would see the credentials; the platform is reached directly.
        trust_env=False,
    ) as session:
        yield TucanoClient(session, endpoint)
