"""Vosk's protocol, with what its public clients do: a config, audio in lockstep, an end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.server.running import PACKAGES, shared_server
from tests.server.speech import RATE_HZ, at_rate, sample, sample_words, words_of_file

for package in PACKAGES:
    pytest.importorskip(package)

import websockets  # noqa: E402


async def converse(
    data: bytes, rate_hz: int, config: Any = None, eof: str | bytes = '{"eof" : 1}'
) -> list[dict[str, Any]]:
    """As ``websocket/test.py`` does it: 0.2 s at a time, one reply awaited for each."""
    replies = []
    async with websockets.connect(shared_server().websocket_url) as websocket:
        if config is not None:
            await websocket.send(json.dumps({"config": config}))
        size = int(rate_hz * 0.2) * 2
        for start in range(0, len(data), size):
            await websocket.send(data[start : start + size])
            replies.append(json.loads(await websocket.recv()))
        await websocket.send(eof)
        replies.append(json.loads(await websocket.recv()))
        with pytest.raises(websockets.ConnectionClosedOK):
            await websocket.recv()
    return replies


def text_of(replies: list[dict[str, Any]]) -> str:
    return " ".join(reply["text"] for reply in replies if reply.get("text"))


def run(work: Any) -> Any:
    return asyncio.run(asyncio.wait_for(work, 60))


def test_words_and_one_reply_to_every_message() -> None:
    data = sample().tobytes()
    replies = run(converse(data, RATE_HZ, {"sample_rate": RATE_HZ}))
    assert text_of(replies) == sample_words()
    assert len(replies) == -(-len(data) // (int(RATE_HZ * 0.2) * 2)) + 1
    assert all(("partial" in reply) != ("text" in reply) for reply in replies)
    partials = [reply["partial"] for reply in replies if reply.get("partial")]
    assert len(set(partials)) > 5
    last = next(reply for reply in replies if reply.get("text"))
    assert [word["word"] for word in last["result"]] == last["text"].split()
    assert all(0 <= w["conf"] <= 1 and w["start"] <= w["end"] for w in last["result"])


def test_without_a_config_the_rate_is_8000(tmp_path: Path) -> None:
    samples = at_rate(8000)
    replies = run(converse(samples.tobytes(), 8000))
    assert text_of(replies) == words_of_file(samples, 8000, tmp_path / "a.wav")


@pytest.mark.parametrize(
    "eof", ['{"eof" : 1}', '{"eof":1}', '{"eof": true}', ' {\n"eof":\n1}', b'{"eof" : 1}']
)
def test_the_end_may_be_any_json(eof: str | bytes) -> None:
    data = sample()[: 4 * RATE_HZ].tobytes()
    replies = run(converse(data, RATE_HZ, {"sample_rate": RATE_HZ}, eof))
    assert replies[-1]["text"]


def test_an_end_without_audio_is_answered() -> None:
    assert run(converse(b"", RATE_HZ)) == [{"text": ""}]


def test_words_can_be_left_out_and_alternatives_asked_for() -> None:
    data = sample()[: 5 * RATE_HZ].tobytes()
    bare = run(converse(data, RATE_HZ, {"sample_rate": RATE_HZ, "words": False}))
    assert bare[-1]["text"] and "result" not in bare[-1]
    config = {"sample_rate": float(RATE_HZ), "max_alternatives": 3, "phrase_list": ["yes"]}
    found = run(converse(data, RATE_HZ, config))[-1]["alternatives"]
    assert 1 <= len(found) <= 3
    assert found[0]["text"] == bare[-1]["text"] and found[0]["result"]


def test_a_reset_ends_the_utterance_and_goes_on() -> None:
    async def work() -> tuple[str, str]:
        half = len(sample()) // 2
        async with websockets.connect(shared_server().websocket_url) as websocket:
            await websocket.send(json.dumps({"config": {"sample_rate": RATE_HZ}}))
            await websocket.send(sample()[:half].tobytes())
            await websocket.recv()
            await websocket.send('{"reset" : 1}')
            first = json.loads(await websocket.recv())["text"]
            await websocket.send(sample()[half:].tobytes())
            await websocket.recv()
            await websocket.send('{"eof" : 1}')
            return first, json.loads(await websocket.recv())["text"]

    first, second = run(work())
    assert first and second and first.split()[:3] == sample_words().split()[:3]


@pytest.mark.parametrize(
    "message",
    [
        "not json",
        "[1]",
        "[" * 10000,
        '{"config": 5}',
        '{"config": {"sample_rate": "x"}}',
        '{"config": {"sample_rate": 1e999}}',
        '{"config": {"sample_rate": 10}}',
    ],
)
def test_what_is_not_of_the_protocol_closes_the_connection_with_a_reason(message: str) -> None:
    async def work() -> Any:
        async with websockets.connect(shared_server().websocket_url) as websocket:
            await websocket.send(message)
            with pytest.raises(websockets.ConnectionClosedError) as caught:
                await websocket.recv()
            return caught.value.rcvd

    close = run(work())
    assert close.code == 1007 and " - " in close.reason


def test_an_odd_number_of_bytes_is_joined_with_the_next() -> None:
    async def work() -> list[dict[str, Any]]:
        replies = []
        data = sample().tobytes()
        async with websockets.connect(shared_server().websocket_url) as websocket:
            await websocket.send(json.dumps({"config": {"sample_rate": RATE_HZ}}))
            for start in range(0, len(data), 4801):
                await websocket.send(data[start : start + 4801])
                replies.append(json.loads(await websocket.recv()))
            await websocket.send('{"eof" : 1}')
            return [*replies, json.loads(await websocket.recv())]

    assert text_of(run(work())) == sample_words()


def test_silence_is_answered_with_empty_partials() -> None:
    silence = np.zeros(2 * RATE_HZ, np.int16).tobytes()
    replies = run(converse(silence, RATE_HZ, {"sample_rate": RATE_HZ}))
    assert {json.dumps(reply) for reply in replies} == {'{"partial": ""}', '{"text": ""}'}
