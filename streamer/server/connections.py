"""Uvicorn's connections, with bounds on what a client may leave undone.

Uvicorn reads and writes HTTP and WebSockets. It waits for ever for the rest of a request and for a
client that does not read, takes any number of connections, and answers pings nobody reads.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from streamer.server.conversation import SEND_S

#: Time for a request to come, without what it uploads, in seconds.
REQUEST_S = 20.0
#: Connections that are told why they are refused, besides those that are served.
REFUSED_CONNECTIONS = 64
#: Bytes that are read at once: how long one client's small messages keep all others waiting.
READ_BYTES = 16 << 10
#: Time for the rest of a WebSocket's messages to be read, in seconds.
FLUSH_S = 3.0

_BAD_HANDSHAKE = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 29\r\n\r\nThis is no WebSocket request."
)


def http_protocol(max_connections: int) -> type[H11Protocol]:
    """Return the protocol of HTTP connections.

    Args:
        max_connections: how many may be served at once.
    """

    class HttpProtocol(_HttpProtocol):
        max_open = max_connections + REFUSED_CONNECTIONS

    return HttpProtocol


class _HttpProtocol(H11Protocol):
    """HTTP on one connection.

    Attributes:
        max_open: connections at once; the next ones are closed without a word.
    """

    max_open = 0
    _request_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection."""
        super().connection_made(transport)
        _read_less(transport)
        if len(self.connections) > self.max_open:
            transport.abort()
            return
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._request_timer = _cancelled(self._request_timer)
        self._write_timer = _cancelled(self._write_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read a part of a request."""
        super().data_received(data)
        self._watch()

    def pause_writing(self) -> None:
        """Wait for the client to read, but not for long."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(SEND_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        super().resume_writing()
        self._write_timer = _cancelled(self._write_timer)

    def _watch(self) -> None:
        """Start the clock of a request that has not come in full, and stop it at its end."""
        # A connection that waits for its next request has uvicorn's timer, until data come.
        if self.transport.get_protocol() is not self or not self._is_incomplete():
            self._request_timer = _cancelled(self._request_timer)
        elif self._request_timer is None and self.timeout_keep_alive_task is None:
            self._request_timer = self.loop.call_later(REQUEST_S, self._close_incomplete)

    def _is_incomplete(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _close_incomplete(self) -> None:
        self._request_timer = None
        if self._is_incomplete():
            self.transport.abort()


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket whose connection ends even if the client does not read the rest."""

    _is_request = False

    def handle_connect(self, event: Request) -> None:
        """Take the request for a WebSocket."""
        self._is_request = True
        super().handle_connect(event)

    def data_received(self, data: bytes) -> None:
        """Read frames; refuse what is no opening handshake."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self._is_request:
            self._is_request = True
            self.transport.write(_BAD_HANDSHAKE)
            self.transport.close()

    def handle_ping(self) -> None:
        """Answer a ping, unless the client does not read its answers."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    async def run_asgi(self) -> None:
        """Run the application."""
        try:
            await super().run_asgi()
        finally:
            self.loop.call_later(FLUSH_S, self.transport.abort)


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Cancel a timer, if there is one; returns None."""
    if timer is not None:
        timer.cancel()
    return None


def _read_less(transport: Any) -> None:
    """Read little at once, if the transport has such a bound; asyncio's have."""
    if hasattr(transport, "max_size"):
        transport.max_size = READ_BYTES
