"""What clients send that no polite one would, without a server around it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.server.running import PACKAGES

for package in PACKAGES:
    pytest.importorskip(package)

from streamer.audio.pcm import PcmFormat  # noqa: E402
from streamer.engine.settings import RecogniserSettings  # noqa: E402
from streamer.errors import StreamerError, UsageError  # noqa: E402
from streamer.events import Event, Final, Gap  # noqa: E402
from streamer.server import microphone  # noqa: E402
from streamer.server.conversation import ProtocolError  # noqa: E402
from streamer.server.metrics import Metrics  # noqa: E402
from streamer.server.protocols import openai_files, openai_realtime, vosk, wyoming  # noqa: E402
from streamer.server.workers.messages import (  # noqa: E402
    Audio,
    EndUtterance,
    Finish,
    Lost,
    Notify,
    Open,
    Progress,
)
from streamer.server.workers.recognition import STEP_SAMPLES, Recognition  # noqa: E402
from tests.support.events import final, partial, stats  # noqa: E402


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 30))


# Vosk


@pytest.mark.parametrize(
    ("message", "command"),
    [
        ('{"eof": 1}', {"eof": 1}),
        (b'{"eof": 1}', {"eof": 1}),
        (b"{\x00\x01", None),  # samples that look like an object
        (b"[1]", None),
        (b"{" + bytes(99), None),
        (b"{" * 2000, None),
    ],
)
def test_bytes_are_a_command_only_if_they_are_an_object(message: Any, command: Any) -> None:
    assert vosk._command(message) == command


def test_text_that_is_no_object_is_refused() -> None:
    for text in ("[1]", "words", ""):
        with pytest.raises(ProtocolError):
            vosk._command(text)


class Conversation:
    def __init__(self) -> None:
        self.sent: list[Any] = []

    async def send(self, message: Any) -> None:
        self.sent.append(message)


class Heard:
    """A stream that hears what the test says."""

    def __init__(self, *events: Event) -> None:
        self.events = list(events)
        self.calls: list[str] = []

    async def feed(self, data: bytes) -> None:
        self.calls.append("feed")

    async def end_utterance(self) -> None:
        self.calls.append("end")

    async def caught_up(self) -> list[Event]:
        events, self.events = self.events, []
        return events


def test_every_message_of_audio_has_one_reply() -> None:
    async def work() -> None:
        conversation = Conversation()
        client: Any = vosk._Client(conversation, SimpleNamespace())  # type: ignore[arg-type]
        await client._answer('{"reset": 1}', None)  # before the first sound
        client._stream = Heard(stats(), partial("one"))
        await client._answer(bytes(10), None)
        await client._answer(bytes(10), None)  # nothing new
        client._stream.events = [partial("one two"), final("one two")]
        await client._answer(bytes(10), None)
        await client._answer(bytes(10), None)
        await client._answer('{"reset": 1}', None)
        texts = [reply.get("text", reply.get("partial")) for reply in conversation.sent]
        assert texts == ["", "one", "one", "one two", "", ""]
        assert client._stream.calls == ["feed"] * 4 + ["end"]

    run(work())


# OpenAI


@pytest.mark.parametrize("rate", ["16000", None, 16000.5, []])
def test_a_rate_that_is_not_a_number_is_refused(rate: Any) -> None:
    current = PcmFormat("s16", 24000, 1)
    with pytest.raises(UsageError):
        openai_realtime._format({"type": "audio/pcm", "rate": rate}, current)


def test_a_field_that_is_a_file_is_refused() -> None:
    form: Any = {"language": object(), "stream": "true"}
    with pytest.raises(UsageError, match="language is a file - send text"):
        openai_files._text(form, "language", "")
    assert openai_files._text(form, "stream", "false") == "true"
    assert openai_files._text(form, "response_format", "json") == "json"


def test_the_first_event_that_was_taken_is_not_lost() -> None:
    async def events(*given: Event) -> Any:
        for event in given:
            yield event

    async def work() -> None:
        rest = events(final("one"), final("two"))
        first = await openai_files._next(rest)
        found = [event async for event in openai_files._with_first(first, rest)]
        assert [event.text for event in found if isinstance(event, Final)] == ["one", "two"]
        nothing = events()
        assert await openai_files._next(nothing) is None
        assert [event async for event in openai_files._with_first(None, nothing)] == []

    run(work())


# Wyoming


@pytest.mark.parametrize(
    ("rate_hz", "width", "channels"),
    [(16000, 7, 1), (16000.0, 2, 1), (16000, 2, "1"), (None, 2, 1), (16000, 2, 99), (1, 2, 1)],
)
def test_a_format_that_is_none_is_refused(rate_hz: Any, width: Any, channels: Any) -> None:
    with pytest.raises(StreamerError):
        wyoming._format(rate_hz, width, channels)


# The worker's side of a stream


class Recogniser:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.position = 0

    def feed(self, samples: Any) -> list[Event]:
        self.calls.append(len(samples))
        self.position += len(samples)
        return []

    def gap(self, samples: int) -> list[Event]:
        self.calls.append(("gap", samples))
        self.position += samples
        return []

    def notice(self, what: str, todo: str) -> Any:
        self.calls.append((what, todo))

    def end_utterance(self) -> list[Event]:
        self.calls.append("end of utterance")
        return []

    def finish(self) -> list[Event]:
        self.calls.append("finish")
        return []


def test_commands_are_carried_out_in_their_order_and_long_audio_in_turns() -> None:
    recogniser, now = Recogniser(), [10.0]
    model: Any = SimpleNamespace(new_recogniser=lambda settings, timing: recogniser)
    opening = Open(7, PcmFormat("s16", 16000, 1), RecogniserSettings())
    stream = Recognition(opening, model, lambda: now[0])
    assert not stream.runnable
    samples = np.zeros(STEP_SAMPLES + 100, "<i2")
    for message in (
        Audio(7, samples.tobytes(), 10.0), Lost(7, 500), Notify(7, "it is soft", "come closer"),
        EndUtterance(7), Finish(7),
    ):  # fmt: skip
        stream.take(message)
    done = []
    while stream.runnable:
        report = stream.step()
        assert isinstance(report, Progress) and report.stream == 7
        done.append(report.done)
    assert recogniser.calls[:2] == [STEP_SAMPLES, 100]
    rest = [call for call in recogniser.calls[2:] if call != 0]
    assert rest == [("gap", 500), ("it is soft", "come closer"), "end of utterance", "finish"]
    assert done[:5] == [False, True, True, True, True] and stream.finished
    assert stream.due == pytest.approx(10.0 + (STEP_SAMPLES + 600) / 16000)


def test_samples_that_a_microphone_lost_and_what_it_says_reach_the_readers() -> None:
    from collections import deque

    calls: list[Any] = []

    async def feed(data: bytes) -> None:
        calls.append(len(data))

    stream: Any = SimpleNamespace(
        lose=lambda samples: calls.append(("lost", samples)),
        notify=lambda *notice: calls.append(notice),
        feed=feed,
    )
    source: Any = SimpleNamespace(notices=deque([("it is soft", "come closer")]))
    for lost in (160, 0):
        block: Any = SimpleNamespace(lost=lost, samples=np.zeros(100, np.float32))
        run(microphone._feed(block, source, stream))
    assert calls == [("lost", 160), ("it is soft", "come closer"), 400, 400]


def test_lost_samples_are_counted() -> None:
    metrics = Metrics()
    metrics.progress(Progress(7, [Gap(0, 1.0, 1.5, 8000), final("one")], True, 1.0, 0.25))
    page = metrics.page().decode()
    assert "lost_samples_total 8000.0" in page
