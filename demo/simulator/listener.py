"""The platform's listening socket, which faults may close, reopen, or answer connections on by themselves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from aiohttp import web

from demo.simulator.app import Platform
from demo.simulator.misbehaviour import reset

BACKLOG = 1024


class Listener:
    """Listens on *host* and *port* for *server*, except while a fault refuses everything."""

    def __init__(self, host: str, port: int, server: web.Server, platform: Platform) -> None:
        self._host, self._port = host, port
        self._server = server
        self._faults = platform.faults
        self._answering = platform.answering
        self._listening: asyncio.AbstractServer | None = None
        self._unread: set[asyncio.BaseTransport] = set()

    @property
    def port(self) -> int:
        """The port, also while nothing listens on it."""
        return self._port

    async def open(self) -> None:
        """Listen; raises OSError if the port is in use. Does nothing while open."""
        if self._listening is not None:
            return
        listening_socket = bind(self._host, self._port)
        self._port = listening_socket.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._protocol, sock=listening_socket, backlog=BACKLOG)

    def close(self) -> None:
        """Stop listening and reset every open connection."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for connection in self._server.connections:
            reset(connection.transport)
        self.forget_unread()

    async def obey_faults(self) -> None:
        """Bring the socket into the state that the faults just put in force ask for."""
        self.forget_unread()
        if self._faults.is_down():
            self.close()
            return
        await self.open()
        if self._faults.meet_connections():
            # Kept-alive connections would never meet a fault about connecting.
            self.let_go()

    def let_go(self) -> None:
        """Close the connections that wait for a request, and the others after their answer."""
        for connection in self._server.connections:
            connection.close()
            # The library's close() only stops the waiting; the client would talk to nobody.
            if connection.transport is not None and connection.transport not in self._answering:
                connection.transport.close()

    def forget_unread(self) -> None:
        """Reset the connections that were accepted and never read."""
        for transport in tuple(self._unread):
            reset(transport)

    def _protocol(self) -> asyncio.BaseProtocol:
        match self._faults.at_connect():
            case "refuse":
                return _ResetAtConnect()
            case "accept_never_read":
                return _NeverRead(self._unread)
            case _:
                return self._server()


class _ResetAtConnect(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        reset(transport)


class _NeverRead(asyncio.Protocol):
    def __init__(self, unread: set[asyncio.BaseTransport]) -> None:
        self._unread = unread
        self._leave: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.pause_reading()  # type: ignore[attr-defined] # TCP gives no transport without it
        self._unread.add(transport)
        self._leave = lambda: self._unread.discard(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 asyncio's signature
        self._leave()


def bind(host: str, port: int) -> socket.socket:
    """Give a socket bound to *host* and *port* (0: any free one); raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening_socket = socket.socket(family, kind, protocol)
    try:
        # A port whose last connections were reset a moment ago is not "in use".
        listening_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening_socket.bind(address)
    except OSError:
        listening_socket.close()
        raise
    return listening_socket
