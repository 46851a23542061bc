"""A WebSocket with a stream: one task reads, another writes, and it is closed with a reason."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from streamer.errors import StreamerError
from streamer.server.access import error_response
from streamer.server.pace import Pace
from streamer.server.workers.stream import BusyError

#: Close codes of RFC 6455 and the IANA registry.
NORMAL, INVALID, POLICY, TOO_BIG, BROKEN, RESTART, BUSY = 1000, 1007, 1008, 1009, 1011, 1012, 1013
#: A client that does not take a message for this long has stopped reading, in seconds.
SEND_S = 20.0
#: Bytes of a reason that fit into a close frame.
_REASON_BYTES = 123

_log = logging.getLogger(__name__)


class ProtocolError(StreamerError):
    """A client does not keep to its protocol.

    Args:
        what: what is wrong.
        todo: what to do about it.
        code: close code.
    """

    def __init__(self, what: str, todo: str, code: int = INVALID) -> None:
        super().__init__(what, todo)
        self.code = code


class Conversation:
    """An accepted WebSocket.

    Args:
        websocket: the connection.
        idle_s: longest time without a message, in seconds.
    """

    def __init__(self, websocket: WebSocket, idle_s: float) -> None:
        self._websocket = websocket
        self._idle_s = idle_s

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Yield the client's messages.

        Raises:
            ProtocolError: none came for too long.
            WebSocketDisconnect: the client has gone.
        """
        pace = Pace()
        while True:
            try:
                message = await asyncio.wait_for(self._websocket.receive(), self._idle_s)
            except asyncio.TimeoutError:
                raise ProtocolError(
                    f"nothing came for {self._idle_s:g} s", "connect again", POLICY
                ) from None
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", NORMAL))
            data = message.get("bytes")
            yield message["text"] if data is None else data
            await pace.next()

    async def send(self, message: dict[str, Any]) -> None:
        """Send JSON.

        Raises:
            WebSocketDisconnect: the client has gone, or does not read.
        """
        text = json.dumps(message, ensure_ascii=False, allow_nan=False)
        try:
            await asyncio.wait_for(self._websocket.send_text(text), SEND_S)
        except (asyncio.TimeoutError, RuntimeError):
            raise WebSocketDisconnect(POLICY) from None

    async def run(
        self, reading: Coroutine[Any, Any, None], writing: Coroutine[Any, Any, None]
    ) -> None:
        """Run both until the writer is done; the reader may be done before.

        Raises:
            StreamerError: see `hold`.
            WebSocketDisconnect: the client has gone.
        """
        reader, writer = asyncio.ensure_future(reading), asyncio.ensure_future(writing)
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
            if not writer.done():
                reader.result()
            await writer
        finally:
            for task in (reader, writer):
                task.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)

    async def run_first(self, *coroutines: Coroutine[Any, Any, None]) -> None:
        """Run all until one of them is done, and raise what it raises.

        Raises:
            StreamerError: see `hold`.
            WebSocketDisconnect: the client has gone.
        """
        tasks = [asyncio.ensure_future(each) for each in coroutines]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def hold(
    websocket: WebSocket, idle_s: float, subprotocol: str | None = None
) -> AsyncIterator[Conversation]:
    """Accept a WebSocket for this context, and close it with the code of what went wrong.

    Args:
        websocket: the connection.
        idle_s: longest time without a message, in seconds.
        subprotocol: the one that was agreed upon.
    """
    await websocket.accept(subprotocol)
    code, reason = NORMAL, ""
    try:
        yield Conversation(websocket, idle_s)
    except WebSocketDisconnect:
        return
    except ProtocolError as error:
        code, reason = error.code, str(error)
    except BusyError as error:
        code, reason = BUSY, str(error)
    except StreamerError as error:
        code, reason = POLICY, str(error)
    except Exception:  # a fault of ours
        _log.exception("a connection has failed")
        code, reason = BROKEN, "the server has failed - see its log"
    await close(websocket, code, reason)


async def close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close a WebSocket, if it is still open."""
    if websocket.application_state is not WebSocketState.CONNECTED:
        return
    short = reason.encode()[:_REASON_BYTES].decode("utf-8", "ignore")
    with contextlib.suppress(asyncio.TimeoutError, RuntimeError, WebSocketDisconnect):
        await asyncio.wait_for(websocket.close(code, short), SEND_S)


async def deny(websocket: WebSocket, status: int, message: str) -> None:
    """Refuse a WebSocket that has not been accepted."""
    if "websocket.http.response" in websocket.scope["extensions"]:
        await websocket.send_denial_response(error_response(status, message))
    else:
        await websocket.close(POLICY)


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        ProtocolError: it is something else.
    """
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError("a message is not JSON", "send JSON objects as text") from None
    if not isinstance(parsed, dict):
        raise ProtocolError("a message is not a JSON object", "send JSON objects as text")
    return parsed
