"""The protocol of Vosk's server, so that its clients work: ``ws://HOST:PORT/``.

A client may send ``{"config": {"sample_rate": 16000}}``, then 16-bit audio, then ``{"eof": 1}``.
Every audio message gets exactly one reply, because clients wait for it before they send the next:
``{"partial": ...}``, or ``{"result": [...], "text": ...}`` once an utterance has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.websockets import WebSocket

from streamer.errors import StreamerError
from streamer.events import Event, Final, Partial
from streamer.server.conversation import (
    RESTART,
    Conversation,
    ProtocolError,
    hold,
    parse_object,
)
from streamer.server.service import Service
from streamer.server.workers.pcm_input import check_format
from streamer.server.workers.stream import Stream

PROTOCOL = "vosk"
#: Vosk's own, for telephones.
DEFAULT_RATE_HZ = 8000
#: A command sent as a binary message is not longer than this, in bytes.
_COMMAND_BYTES = 256


@dataclass
class _Config:
    rate_hz: int = DEFAULT_RATE_HZ
    words: bool = True
    alternatives: int = 0

    def update(self, values: dict[str, Any]) -> None:
        """Take what a client asks for; what we cannot do (models, phrases) is left out.

        Raises:
            ProtocolError: a value is not valid.
        """
        try:
            rate_hz = int(float(values.get("sample_rate", self.rate_hz)))
            check_format("s16", rate_hz, 1)
            self.words = bool(values.get("words", self.words))
            self.alternatives = int(values.get("max_alternatives", self.alternatives))
        except (TypeError, ValueError, OverflowError, StreamerError) as error:
            raise ProtocolError(f"the config is not valid ({error})", "correct it") from None
        self.rate_hz = rate_hz


async def serve_vosk(websocket: WebSocket) -> None:
    """Serve one connection."""
    service: Service = websocket.app.state.service
    async with hold(websocket, service.settings.limits.idle_s) as conversation:
        await _Client(conversation, service).run()


class _Client:
    """One client: its config, its stream, its utterance.

    Args:
        conversation: the connection.
        service: the server.
    """

    def __init__(self, conversation: Conversation, service: Service) -> None:
        self._conversation = conversation
        self._service = service
        self._config = _Config()
        self._stream: Stream | None = None
        self._partial = ""
        self._answering = asyncio.Lock()

    async def run(self) -> None:
        """Answer until the end."""
        with contextlib.ExitStack() as stack:
            await self._conversation.run_first(self._read(stack), self._stop())

    async def _read(self, stack: contextlib.ExitStack) -> None:
        async for message in self._conversation.messages():
            async with self._answering:
                if not await self._answer(message, stack):
                    return

    async def _stop(self) -> None:
        """Send the last words when the server stops; nobody asks for them then."""
        await self._service.stopping.wait()
        async with self._answering:
            await self._end()
        raise ProtocolError("the server is stopping", "connect again later", RESTART)

    async def _answer(self, message: str | bytes, stack: contextlib.ExitStack) -> bool:
        """Answer a message; returns whether the client may send more."""
        command = _command(message)
        if command is None:
            assert isinstance(message, bytes)
            await self._audio(message, stack)
        elif "config" in command:
            config = command["config"]
            if not isinstance(config, dict):
                raise ProtocolError("the config is not an object", "send an object")
            self._config.update(config)
        elif "eof" in command:
            await self._end()
            return False
        else:  # reset, or a command of a later version
            await self._reset()
        return True

    async def _audio(self, data: bytes, stack: contextlib.ExitStack) -> None:
        if self._stream is None:
            format = check_format("s16", self._config.rate_hz, 1)
            settings = self._service.recogniser(partials=True)
            opened = self._service.stream(PROTOCOL, format, settings)
            self._stream = stack.enter_context(opened)
        await self._stream.feed(data)
        events = await self._stream.caught_up()
        finals = _finals(events)
        for event in events:
            if isinstance(event, (Partial, Final)):
                self._partial = event.text if isinstance(event, Partial) else ""
        if finals:
            await self._conversation.send(self._result(finals))
        else:
            await self._conversation.send({"partial": self._partial})

    async def _reset(self) -> None:
        events: Sequence[Event] = ()
        if self._stream is not None:
            await self._stream.end_utterance()
            events = await self._stream.caught_up()
        self._partial = ""
        await self._conversation.send(self._result(_finals(events)))

    async def _end(self) -> None:
        events: list[Event] = []
        if self._stream is not None:
            self._stream.finish()
            events = [event async for event in self._stream]
        await self._conversation.send(self._result(_finals(events)))

    def _result(self, finals: Sequence[Final]) -> dict[str, Any]:
        """Return finals as one result, with no fields for the words of none."""
        text = " ".join(final.text for final in finals)
        words: list[dict[str, Any]] = [
            {"conf": round(w.confidence, 6), "end": w.end, "start": w.start, "word": w.word}
            for final in finals
            for w in final.words
        ]
        shown: dict[str, Any] = {"result": words} if self._config.words and words else {}
        if self._config.alternatives < 1:
            return {**shown, "text": text}
        others = finals[0].alternatives if len(finals) == 1 else ()
        texts = [text, *others][: self._config.alternatives]
        confidence = sum(w["conf"] for w in words) / len(words) if words else 0.0
        return {
            "alternatives": [
                {"confidence": confidence, **({} if number else shown), "text": each}
                for number, each in enumerate(texts)
            ]
        }


def _finals(events: Sequence[Event]) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


def _command(message: str | bytes) -> dict[str, Any] | None:
    """Return a command, sent as text or as bytes; None for audio.

    Raises:
        ProtocolError: text that is not a command.
    """
    if isinstance(message, str):
        return parse_object(message)
    if not message.startswith(b"{") or len(message) > _COMMAND_BYTES:
        return None
    with contextlib.suppress(ValueError, RecursionError):
        parsed = json.loads(message)
        if isinstance(parsed, dict):
            return parsed
    return None
