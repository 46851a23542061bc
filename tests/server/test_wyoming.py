"""Wyoming, with the client of the package that Home Assistant uses."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.server.running import PACKAGES, shared_server
from tests.server.speech import RATE_HZ, at_rate, sample, sample_display, sample_words

for package in PACKAGES:
    pytest.importorskip(package)

from wyoming.asr import (  # noqa: E402
    Transcribe,
    Transcript,
    TranscriptChunk,
    TranscriptStart,
    TranscriptStop,
)
from wyoming.audio import AudioChunk, AudioStart, AudioStop  # noqa: E402
from wyoming.client import AsyncTcpClient  # noqa: E402
from wyoming.error import Error  # noqa: E402
from wyoming.event import Event  # noqa: E402
from wyoming.info import Describe, Info  # noqa: E402
from wyoming.ping import Ping, Pong  # noqa: E402


def client() -> AsyncTcpClient:
    return AsyncTcpClient("127.0.0.1", shared_server().wyoming_port)


async def read(connection: AsyncTcpClient) -> Event:
    event = await connection.read_event()
    assert event is not None
    return event


async def speak(
    connection: AsyncTcpClient, data: bytes, rate_hz: int = RATE_HZ, language: str | None = "en"
) -> None:
    """As Home Assistant does it: 1024 samples a chunk."""
    await connection.write_event(Transcribe(language=language).event())
    await connection.write_event(AudioStart(rate_hz, 2, 1).event())
    for start in range(0, len(data), 2048):
        chunk = AudioChunk(rate_hz, 2, 1, data[start : start + 2048])
        await connection.write_event(chunk.event())
    await connection.write_event(AudioStop().event())


async def answer(connection: AsyncTcpClient) -> list[Event]:
    events = []
    while not events or not TranscriptStop.is_type(events[-1].type):
        events.append(await read(connection))
    return events


def transcript(events: list[Event]) -> Transcript:
    (found,) = [Transcript.from_event(e) for e in events if Transcript.is_type(e.type)]
    return found


def run(work: Any) -> Any:
    return asyncio.run(asyncio.wait_for(work, 60))


def test_info_names_an_installed_model_with_its_languages() -> None:
    async def work() -> Info:
        async with client() as connection:
            await connection.write_event(Describe().event())
            return Info.from_event(await read(connection))

    (program,) = run(work()).asr
    assert program.installed and program.supports_transcript_streaming
    (model,) = program.models
    assert model.installed and model.languages == ["en"] and model.name == "english"


def test_the_transcript_comes_in_chunks_and_whole() -> None:
    async def work() -> list[Event]:
        async with client() as connection:
            await speak(connection, sample().tobytes())
            return await answer(connection)

    events = run(work())
    assert TranscriptStart.is_type(events[0].type)
    assert Transcript.is_type(events[-2].type) and TranscriptStop.is_type(events[-1].type)
    chunks = [TranscriptChunk.from_event(e).text for e in events if TranscriptChunk.is_type(e.type)]
    assert "".join(chunks) == transcript(events).text == sample_display()
    assert transcript(events).language == "en"


def test_one_connection_takes_several_commands_and_other_rates() -> None:
    async def work() -> list[str]:
        async with client() as connection:
            texts = []
            for rate_hz in (RATE_HZ, 48000):
                data = (sample() if rate_hz == RATE_HZ else at_rate(rate_hz)).tobytes()
                await speak(connection, data, rate_hz, None)
                texts.append(transcript(await answer(connection)).text)
            return texts

    first, second = run(work())
    assert first == sample_display()
    assert len(set(second.lower().split()) & set(sample_words().split())) > 20


def test_a_language_that_the_model_does_not_know_is_an_error_and_nothing_else() -> None:
    async def work() -> tuple[Event, str]:
        async with client() as connection:
            await speak(connection, sample()[:RATE_HZ].tobytes(), language="de")
            refusal = await read(connection)
            await speak(connection, sample().tobytes(), language="en-GB")
            return refusal, transcript(await answer(connection)).text

    refusal, text = run(work())
    assert Error.is_type(refusal.type) and "'de'" in Error.from_event(refusal).text
    assert text == sample_display()


def test_a_stream_that_fails_is_one_error_and_no_empty_transcript() -> None:
    async def work() -> tuple[Event, Event | None]:
        async with client() as connection:
            await connection.write_event(AudioStart(RATE_HZ, 2, 1).event())
            for rate_hz in (48000, RATE_HZ, 48000):
                await connection.write_event(AudioChunk(rate_hz, 2, 1, bytes(960)).event())
            await connection.write_event(AudioStop().event())
            return await read(connection), await connection.read_event()

    refusal, end = run(work())
    assert Error.is_type(refusal.type) and "announced" in Error.from_event(refusal).text
    assert end is None  # Home Assistant would wait for a transcript for ever


def test_a_new_start_follows_a_stream_that_has_failed() -> None:
    async def work() -> tuple[Event, str]:
        async with client() as connection:
            await connection.write_event(AudioChunk(1, 2, 1, bytes(960)).event())
            refusal = await read(connection)
            await speak(connection, sample().tobytes())
            return refusal, transcript(await answer(connection)).text

    refusal, text = run(work())
    assert Error.is_type(refusal.type) and text == sample_display()


def test_a_language_that_is_no_text_is_one_error() -> None:
    async def work() -> tuple[Event, str]:
        async with client() as connection:
            await connection.write_event(Event("transcribe", {"language": 5}))
            refusal = await read(connection)
            await connection.write_event(AudioStart(RATE_HZ, 2, 1).event())
            await connection.write_event(AudioChunk(RATE_HZ, 2, 1, bytes(960)).event())
            await connection.write_event(AudioStop().event())
            return refusal, transcript(await answer(connection)).text

    refusal, text = run(work())
    assert Error.is_type(refusal.type) and text == ""


def test_unknown_and_invalid_events_do_not_end_the_connection() -> None:
    async def work() -> list[Event]:
        async with client() as connection:
            await connection.write_event(Event("no-such-event", {"a": 1}, b"payload"))
            await connection.write_event(Event("audio-chunk", {"rate": "x"}))
            await connection.write_event(
                Event("audio-start", {"rate": 1, "width": 2, "channels": 1})
            )
            await connection.write_event(Ping("hello").event())
            return [await read(connection) for _ in range(3)]

    *errors, pong = run(work())
    assert all(Error.is_type(event.type) for event in errors)
    assert Pong.from_event(pong).text == "hello"


def test_an_end_without_audio_has_an_empty_transcript() -> None:
    async def work() -> list[Event]:
        async with client() as connection:
            await speak(connection, b"")
            return await answer(connection)

    assert transcript(run(work())).text == ""


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\n",
        b"[]\n",
        b"{}\n",
        b"\xff\xfe\n",
        b'{"type": "x", "data": 5}\n',
        b"x" * 100_000 + b"\n",
        json.dumps({"type": "audio-chunk", "payload_length": 10**12}).encode() + b"\n",
        json.dumps({"type": "x", "data_length": 10**12}).encode() + b"\n",
        b'{"type": "x", "data_length": 3}\n[5]',
        b"[" * 60_000 + b"\n",
    ],
)
def test_what_is_not_wyoming_only_ends_its_connection(data: bytes, tmp_path: Path) -> None:
    async def work() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", shared_server().wyoming_port)
        writer.write(data)
        await writer.drain()
        rest = b""
        with contextlib.suppress(ConnectionError):
            rest = await reader.read()
        writer.close()
        return rest

    assert run(work()) == b""
    test_info_names_an_installed_model_with_its_languages()


def test_a_client_that_goes_in_the_middle_leaves_nothing_behind() -> None:
    httpx = pytest.importorskip("httpx")

    async def work() -> None:
        for _ in range(5):
            connection = client()
            await connection.connect()
            await connection.write_event(AudioStart(RATE_HZ, 2, 1).event())
            await connection.write_event(AudioChunk(RATE_HZ, 2, 1, bytes(3200)).event())
            await connection.disconnect()
        async with httpx.AsyncClient() as http:
            while (await http.get(shared_server().url + "/health")).json()["streams"]:
                await asyncio.sleep(0.05)

    run(work())
