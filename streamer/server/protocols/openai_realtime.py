"""OpenAI's realtime transcription: ``ws://HOST:PORT/v1/realtime?intent=transcription``.

Audio comes as base64 in JSON, 16 bits at 24 kHz unless the session says otherwise. An utterance
is an item: its text grows by deltas that are never taken back, and is completed at its end. With
``turn_detection`` null, an item is everything between two commits. Most clients never send an end.
"""

from __future__ import annotations

import base64
import binascii
import itertools
from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket

from streamer.audio.pcm import PcmFormat
from streamer.errors import StreamerError, UsageError
from streamer.events import Close, Event, Final, Partial
from streamer.server.access import KEY_PROTOCOL
from streamer.server.conversation import Conversation, ProtocolError, hold, parse_object
from streamer.server.service import Service
from streamer.server.workers.pcm_input import check_format
from streamer.server.workers.stream import Stream

PROTOCOL = "openai-realtime"
DEFAULT_RATE_HZ = 24000
#: Encodings by OpenAI's names, those of the first version too.
ENCODINGS = {
    "audio/pcm": "s16", "audio/pcmu": "mulaw", "audio/pcma": "alaw",
    "pcm16": "s16", "g711_ulaw": "mulaw", "g711_alaw": "alaw",
}  # fmt: skip
TELEPHONE_HZ = 8000
SUBPROTOCOL = "realtime"


async def serve_realtime(websocket: WebSocket) -> None:
    """Serve one connection."""
    service: Service = websocket.app.state.service
    offered = websocket.scope.get("subprotocols", [])
    chosen = SUBPROTOCOL if SUBPROTOCOL in offered else None
    if chosen is None and offered and not offered[0].startswith(KEY_PROTOCOL):
        chosen = offered[0]
    async with hold(websocket, service.settings.limits.idle_s, subprotocol=chosen) as conversation:
        await _Client(conversation, service).run()


class _Client:
    """One client: its session, its stream, its items.

    Args:
        conversation: the connection.
        service: the server.
    """

    def __init__(self, conversation: Conversation, service: Service) -> None:
        self._conversation = conversation
        self._service = service
        self._format = PcmFormat("s16", DEFAULT_RATE_HZ, 1)
        self._session: dict[str, Any] = _described(self._format, service.model)
        self._by_commit = False
        self._stream: Stream | None = None
        self._ids = itertools.count(1)
        self._items = _Items(self._new_id)

    async def run(self) -> None:
        """Answer until the client has gone."""
        await self._send("session.created", session=self._session)
        first: dict[str, Any] = {}
        async for message in self._conversation.messages():
            first = await self._before_audio(message)
            if first:
                break
        settings = self._service.recogniser(partials=True)
        with self._service.stream(PROTOCOL, self._format, settings) as self._stream:
            await self._conversation.run(self._read(first), self._write())

    async def _before_audio(self, message: str | bytes) -> dict[str, Any]:
        """Handle a message; the first one with audio is returned instead."""
        event = self._parse(message)
        if event.get("type") == "input_audio_buffer.append":
            return event
        await self._handle(event)
        return {}

    async def _read(self, first: dict[str, Any]) -> None:
        await self._handle(first)
        async for message in self._conversation.messages():
            await self._handle(self._parse(message))

    async def _write(self) -> None:
        assert self._stream is not None
        async for event in self._stream:
            for message in self._items.take(event, self._by_commit):
                await self._send(**message)

    def _parse(self, message: str | bytes) -> dict[str, Any]:
        if isinstance(message, bytes):
            raise ProtocolError("a message is binary", "send audio as base64 in JSON")
        return parse_object(message)

    async def _handle(self, event: Mapping[str, Any]) -> None:
        """Carry out an event of the client; what is wrong with it is told and changes nothing."""
        kind = event.get("type")
        try:
            if kind == "input_audio_buffer.append":
                await self._append(event)
            elif kind in ("session.update", "transcription_session.update"):
                self._update(event.get("session"))
                updated = str(kind) + "d"
                await self._send(updated, session=self._session)
            elif kind == "input_audio_buffer.commit":
                await self._commit()
            elif kind == "input_audio_buffer.clear":
                await self._send("input_audio_buffer.cleared")
            else:
                raise UsageError(f"there is no event {kind!r}", "see docs/server.md")
        except UsageError as error:
            given = event.get("event_id")
            event_id = given if isinstance(given, str) and given.isprintable() else None
            await self._send("error", error=_error(error, event_id))

    async def _append(self, event: Mapping[str, Any]) -> None:
        audio = event.get("audio")
        try:
            data = base64.b64decode(audio if isinstance(audio, str) else "!", validate=True)
        except (ValueError, binascii.Error):
            raise UsageError("audio is not base64", "encode the samples as base64") from None
        assert self._stream is not None
        await self._stream.feed(data)

    async def _commit(self) -> None:
        stream = self._stream
        if stream is None or not stream.fed_s:
            raise UsageError("the audio buffer is empty", "append audio before a commit")
        self._items.commits += 1
        await stream.end_utterance()
        # The answer comes in the order of the events: a mark after those of this utterance.
        stream.notify(_COMMITTED, "")

    def _update(self, session: Any) -> None:
        """Take what a client asks for; what we cannot do is left out.

        Raises:
            UsageError: a value is not valid, or comes too late.
        """
        if not isinstance(session, dict):
            raise UsageError("there is no session", "send an object")
        given = _flattened(session)
        if not self._service.speaks(given["language"]):
            raise UsageError(
                f"the model does not know the language {given['language']!r}",
                f"send {self._service.language}",
            )
        format = _format(given["format"], self._format)
        if format != self._format and self._stream is not None:
            raise UsageError("the audio format cannot change any more", "begin another session")
        self._format = format
        if "turn_detection" in given:
            self._by_commit = given["turn_detection"] is None
        self._session = _described(format, self._service.model)
        if self._by_commit:
            self._session["audio"]["input"]["turn_detection"] = None

    def _new_id(self, kind: str) -> str:
        return f"{kind}_{next(self._ids):06d}"

    async def _send(self, type: str, **fields: Any) -> None:
        await self._conversation.send({"type": type, "event_id": self._new_id("event"), **fields})


#: A notice of ours that marks a commit within the events of a stream.
_COMMITTED = "\0committed"


class _Items:
    """Turns events into those of items.

    Args:
        new_id: makes identifiers.

    Attributes:
        commits: commits that have not been answered yet.
    """

    def __init__(self, new_id: Any) -> None:
        self._new_id = new_id
        self._item: str | None = None
        self._previous: str | None = None
        self._sent = ""  # deltas of the item
        self._before = ""  # what its utterances before this one say
        self._start = 0.0
        self._end = 0.0
        self._committed_by_final = False
        self.commits = 0

    def take(self, event: Event, by_commit: bool) -> list[dict[str, Any]]:
        """Return the messages for an event."""
        what = getattr(event, "what", None)
        if what == _COMMITTED:
            self.commits -= 1
            # Without turn detection nothing else ends an item; with it, a commit of silence does.
            answered = not by_commit and self._item is None and self._committed_by_final
            self._committed_by_final = False
            return [] if answered else self._complete(event, self._before if by_commit else "")
        if isinstance(event, Partial):
            # What stands between two utterances is not known before the second has ended.
            return [] if self._before else self._grow(event.start, event.display_stable, by_commit)
        if isinstance(event, Final):
            text = self._before + (event.join if self._before else "") + event.display
            self._end = event.end
            messages = self._grow(event.start, text, by_commit)
            if by_commit:
                self._before = text
                return messages
            self._committed_by_final = self.commits > 0
            return messages + self._complete(event, text)
        if isinstance(event, Close) and by_commit and self._before:
            self._before += event.display
            return self._grow(event.time, self._before, by_commit)
        return []

    def _grow(self, start: float, text: str, by_commit: bool) -> list[dict[str, Any]]:
        messages = []
        if self._item is None:
            self._item = self._new_id("item")
            self._start = start
            if not by_commit:
                messages.append(
                    self._message(
                        "input_audio_buffer.speech_started", audio_start_ms=round(start * 1000)
                    )
                )
        if text.startswith(self._sent) and len(text) > len(self._sent):
            delta, self._sent = text[len(self._sent) :], text
            messages.append(
                self._message(
                    "conversation.item.input_audio_transcription.delta",
                    content_index=0,
                    delta=delta,
                )
            )
        return messages

    def _complete(self, event: Event, text: str) -> list[dict[str, Any]]:
        begun = self._item is not None
        if self._item is None:
            self._item = self._new_id("item")
        end = event.end if isinstance(event, Final) else self._end
        content = {"type": "input_audio", "transcript": text}
        item = {
            "id": self._item, "object": "realtime.item", "type": "message", "role": "user",
            "status": "completed", "content": [content],
        }  # fmt: skip
        messages = []
        if isinstance(event, Final):
            messages.append(
                self._message(
                    "input_audio_buffer.speech_stopped", audio_end_ms=round(event.end * 1000)
                )
            )
        messages += [
            self._message("input_audio_buffer.committed", previous_item_id=self._previous),
            {
                "type": "conversation.item.created",
                "previous_item_id": self._previous,
                "item": item,
            },
            self._message(
                "conversation.item.input_audio_transcription.completed",
                content_index=0,
                transcript=text,
                usage={"type": "duration", "seconds": max(0.0, end - self._start) if begun else 0},
            ),
        ]
        self._previous, self._item = self._item, None
        self._sent = self._before = ""
        return messages

    def _message(self, type: str, **fields: Any) -> dict[str, Any]:
        return {"type": type, "item_id": self._item, **fields}


def _flattened(session: Mapping[str, Any]) -> dict[str, Any]:
    """Return format, language and turn detection of a session, of either version's shape."""
    audio = session.get("audio")
    source = audio.get("input") if isinstance(audio, dict) else None
    source = source if isinstance(source, dict) else {}
    transcription = source.get("transcription") or session.get("input_audio_transcription")
    found: dict[str, Any] = {
        "format": source.get("format", session.get("input_audio_format")),
        "language": transcription.get("language") if isinstance(transcription, dict) else None,
    }
    for place in (source, session):
        if "turn_detection" in place:
            found["turn_detection"] = place["turn_detection"]
            break
    if found["language"] is not None and not isinstance(found["language"], str):
        raise UsageError("the language is not text", "send a code such as en")
    return found


def _format(given: Any, current: PcmFormat) -> PcmFormat:
    """Return the format that a session asks for.

    Raises:
        UsageError: there is no such format.
    """
    if given is None:
        return current
    name = given.get("type") if isinstance(given, dict) else given
    if not isinstance(name, str) or name not in ENCODINGS:
        raise UsageError(f"there is no audio format {name!r}", f"use one of {', '.join(ENCODINGS)}")
    encoding = ENCODINGS[name]
    default = DEFAULT_RATE_HZ if encoding == "s16" else TELEPHONE_HZ
    rate_hz = given.get("rate", default) if isinstance(given, dict) else default
    if not isinstance(rate_hz, int):
        raise UsageError("the rate is not a number", f"send {default}")
    try:
        return check_format(encoding, rate_hz, 1)
    except StreamerError as error:
        raise UsageError(error.what, error.todo) from None


def _described(format: PcmFormat, model: str) -> dict[str, Any]:
    names = {"s16": "audio/pcm", "mulaw": "audio/pcmu", "alaw": "audio/pcma"}
    described: dict[str, Any] = {"type": names[format.encoding]}
    if format.encoding == "s16":
        described["rate"] = format.rate_hz
    return {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "id": "session",
        "audio": {
            "input": {
                "format": described,
                "transcription": {"model": model, "language": None, "prompt": ""},
                "turn_detection": {"type": "server_vad"},
                "noise_reduction": None,
            }
        },
    }


def _error(error: StreamerError, event_id: Any) -> dict[str, Any]:
    return {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": str(error),
        "param": None,
        "event_id": event_id if isinstance(event_id, str) else None,
    }
