"""Our own protocol: the events of the schema over a WebSocket, and for readers of a name."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from streamer.output.jsonl import as_json
from tests.server.running import PACKAGES, shared_server
from tests.server.speech import RATE_HZ, at_rate, events_of, sample, sample_words, words_of_file
from tests.support.paths import ROOT

for package in PACKAGES:
    pytest.importorskip(package)
jsonschema = pytest.importorskip("jsonschema")
httpx = pytest.importorskip("httpx")

import websockets  # noqa: E402

SCHEMA = json.loads((ROOT / "streamer" / "output" / "events.schema.json").read_text("utf-8"))


async def listen(data: bytes, query: str = "", piece: int = 3200) -> list[dict[str, Any]]:
    url = f"{shared_server().websocket_url}/v1/listen?{query}"
    async with websockets.connect(url) as websocket:

        async def send() -> None:
            for start in range(0, len(data), piece):
                await websocket.send(data[start : start + piece])
            await websocket.send('{"type": "finish"}')

        sending = asyncio.ensure_future(send())
        events = [json.loads(message) async for message in websocket]
        await sending
    return events


def run(work: Any) -> Any:
    return asyncio.run(asyncio.wait_for(work, 60))


def words(events: list[dict[str, Any]]) -> str:
    return " ".join(event["text"] for event in events if event["type"] == "final")


def test_the_events_are_those_of_streamer_transcribe_in_its_format() -> None:
    events = run(listen(sample().tobytes(), "stats=false"))
    for event in events:
        jsonschema.validate(event, SCHEMA)
    expected = [as_json(e) for e in events_of(sample()) if as_json(e)["type"] != "stats"]

    def bare(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        left_out = {"seq", "latency_ms"}
        return [
            {k: v for k, v in e.items() if k not in left_out} for e in found if e["type"] != "stats"
        ]

    assert bare(events) == bare(expected)


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (48000, 2), (44100, 1)])
def test_other_rates_and_channels_have_the_words_of_such_a_file(
    rate_hz: int, channels: int, tmp_path: Path
) -> None:
    import numpy as np

    samples = np.stack([at_rate(rate_hz)] * channels, axis=1)
    query = f"rate={rate_hz}&channels={channels}&partials=false"
    events = run(listen(samples.tobytes(), query, 9999))
    assert words(events) == words_of_file(samples, rate_hz, tmp_path / "a.wav")
    assert {event["type"] for event in events} <= {"final", "close", "stats"}


def test_floats_are_samples_too() -> None:
    data = (sample().astype("<f4") / 32768).tobytes()
    assert words(run(listen(data, "encoding=f32"))) == sample_words()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("rate=x", 400),
        ("rate=1", 400),
        ("channels=0", 400),
        ("encoding=mp3", 400),
        ("partials=maybe", 400),
        ("name=a%20b", 400),
        ("name=already!", 400),
    ],
)
def test_what_cannot_be_is_refused_before_the_connection_is(query: str, status: int) -> None:
    with pytest.raises(websockets.InvalidStatus) as caught:
        run(listen(b"", query))
    assert caught.value.response.status_code == status
    assert " - " in json.loads(caught.value.response.body)["error"]["message"]


@pytest.mark.parametrize("message", ["", "x", "{}", '{"type": "stop"}', '"finish"', "[" * 9999])
def test_an_unknown_command_closes_the_connection(message: str) -> None:
    async def work() -> Any:
        async with websockets.connect(f"{shared_server().websocket_url}/v1/listen") as websocket:
            await websocket.send(message)
            with pytest.raises(websockets.ConnectionClosedError) as caught:
                await websocket.recv()
            return caught.value.rcvd.code

    assert run(work()) == 1007


def test_a_message_that_is_too_long_closes_the_connection() -> None:
    async def work() -> Any:
        async with websockets.connect(f"{shared_server().websocket_url}/v1/listen") as websocket:
            with pytest.raises(websockets.ConnectionClosedError) as caught:
                await websocket.send(bytes(5 << 20))
                await websocket.recv()
            return caught.value.rcvd.code

    assert run(work()) == 1009


def test_readers_of_a_named_stream_get_its_events() -> None:
    server = shared_server()

    async def work() -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
        url = f"{server.websocket_url}/v1/listen?name=desk"
        async with websockets.connect(url) as websocket, httpx.AsyncClient() as client:
            names = (await client.get(f"{server.url}/v1/streams")).json()
            assert "desk" in names["streams"]
            with pytest.raises(websockets.InvalidStatus) as caught:
                async with websockets.connect(url):
                    pass
            assert caught.value.response.status_code == 409
            lines: list[tuple[str, str]] = []
            reading = asyncio.Event()

            async def read() -> None:
                address = f"{server.url}/v1/streams/desk/events"
                async with client.stream("GET", address, timeout=60) as response:
                    assert response.headers["content-type"].startswith("text/event-stream")
                    kind = ""
                    async for line in response.aiter_lines():
                        reading.set()
                        if line.startswith("event: "):
                            kind = line[7:]
                        elif line.startswith("data: "):
                            lines.append((kind, line[6:]))

            reader = asyncio.ensure_future(read())
            await reading.wait()
            await websocket.send(sample().tobytes())
            await websocket.send('{"type": "finish"}')
            events = [json.loads(message) async for message in websocket]
            await reader
            return events, lines

    events, lines = run(work())
    assert [json.loads(data) for kind, data in lines if kind != "end"] == events
    assert [kind for kind, _ in lines] == [*(event["type"] for event in events), "end"]
    assert httpx.get(f"{server.url}/v1/streams/desk/events").status_code == 404


def test_an_utterance_can_be_ended() -> None:
    async def work() -> list[dict[str, Any]]:
        async with websockets.connect(f"{shared_server().websocket_url}/v1/listen") as websocket:
            half = len(sample()) // 2
            await websocket.send(sample()[:half].tobytes())
            await websocket.send('{"type": "end_utterance"}')
            await websocket.send(sample()[half:].tobytes())
            await websocket.send('{"type": "finish"}')
            return [json.loads(message) async for message in websocket]

    finals = [event for event in run(work()) if event["type"] == "final"]
    assert len(finals) == 2 and finals[0]["end"] == round(len(sample()) // 2 / RATE_HZ, 3)
