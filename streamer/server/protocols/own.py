"""Our own protocol: audio in, the events of ``events.schema.json`` out, over a WebSocket.

    ws://HOST:PORT/v1/listen?rate=16000&channels=1&encoding=s16&partials=true&stats=false&name=NAME

Binary messages are audio; text messages are commands: ``{"type": "end_utterance"}``, or
``{"type": "finish"}``, after which the last events come and the server closes the connection.
"""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from starlette.websockets import WebSocket

from streamer.audio.pcm import PcmFormat
from streamer.errors import StreamerError, UsageError
from streamer.output.jsonl import as_json
from streamer.server.conversation import Conversation, ProtocolError, deny, hold, parse_object
from streamer.server.hub import Broadcast, NameTakenError
from streamer.server.service import Service
from streamer.server.workers.pcm_input import check_format
from streamer.server.workers.stream import Stream

PROTOCOL = "streamer"


class _Options(NamedTuple):
    format: PcmFormat
    partials: bool
    stats: bool
    name: str | None


async def listen(websocket: WebSocket) -> None:
    """Serve one connection."""
    service: Service = websocket.app.state.service
    try:
        options = _options(websocket)
        with contextlib.ExitStack() as stack:
            broadcast = None
            if options.name is not None:
                broadcast = stack.enter_context(service.hub.publish(options.name))
            await _converse(websocket, service, options, broadcast)
    except NameTakenError as error:
        await deny(websocket, 409, str(error))
    except UsageError as error:  # before anything was accepted
        await deny(websocket, 400, str(error))


async def _converse(
    websocket: WebSocket, service: Service, options: _Options, broadcast: Broadcast | None
) -> None:
    async with hold(websocket, service.settings.limits.idle_s) as conversation:
        settings = service.recogniser(partials=options.partials, stats=options.stats)
        with service.stream(PROTOCOL, options.format, settings) as stream:
            await conversation.run(
                _read(conversation, stream), _write(conversation, stream, broadcast)
            )


async def _read(conversation: Conversation, stream: Stream) -> None:
    async for message in conversation.messages():
        if isinstance(message, bytes):
            await stream.feed(message)
            continue
        command = parse_object(message).get("type")
        if command == "end_utterance":
            await stream.end_utterance()
        elif command == "finish":
            stream.finish()
        else:
            raise ProtocolError(f"there is no command {command!r}", "send end_utterance or finish")


async def _write(conversation: Conversation, stream: Stream, broadcast: Broadcast | None) -> None:
    async for event in stream:
        if broadcast is not None:
            broadcast.send(event)
        await conversation.send(as_json(event))


def _options(websocket: WebSocket) -> _Options:
    query = websocket.query_params
    try:
        rate_hz, channels = int(query.get("rate", "16000")), int(query.get("channels", "1"))
    except ValueError:
        raise UsageError("rate and channels are not numbers", "give whole numbers") from None
    try:
        format = check_format(query.get("encoding", "s16"), rate_hz, channels)
    except StreamerError as error:
        raise UsageError(error.what, error.todo) from None
    return _Options(
        format,
        _flag(query.get("partials", "true")),
        _flag(query.get("stats", "false")),
        query.get("name"),
    )


def _flag(text: str) -> bool:
    if text.lower() in ("true", "1", "yes"):
        return True
    if text.lower() in ("false", "0", "no"):
        return False
    raise UsageError(f"{text!r} is neither true nor false", "give true or false")
