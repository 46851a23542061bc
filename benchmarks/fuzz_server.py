"""Nonsense for every protocol of ``streamer serve``; see `benchmarks.server`."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets

#: Statuses and close codes that are refusals of the right kind.
STATUSES = frozenset([200, 400, 401, 403, 404, 405, 409, 413, 414, 431, 503])
CODES = frozenset([1000, 1001, 1002, 1003, 1006, 1007, 1008, 1009, 1013])
#: Longest wait for an answer, in seconds.
WAIT_S = 5.0

WORDS = [
    "config", "eof", "reset", "sample_rate", "type", "finish", "session", "audio", "words",
    "session.update", "input_audio_buffer.append", "input_audio_buffer.commit", "event_id",
    "transcribe", "audio-start", "audio-chunk", "audio-stop", "describe", "rate", "width",
    "channels", "language", "data", "data_length", "payload_length", "format", "input",
]  # fmt: skip


@dataclass
class Report:
    """What came of an attack.

    Attributes:
        attempts: connections and requests so far.
        failures: answers that no refusal has, and times when the server was not well.
        answers: how often each status or close code came.
    """

    attempts: int = 0
    failures: int = 0
    answers: Counter[Any] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"{self.attempts} attempts, {self.failures} failures, {dict(self.answers)}"

    def answer(self, code: Any, allowed: frozenset[int]) -> None:
        """Count an answer."""
        self.answers[code] += 1
        if code not in allowed:
            self.failures += 1


def value(dice: random.Random, depth: int = 0) -> Any:
    """Return a random value of JSON, with words that the protocols know."""
    kind = dice.randrange(9 if depth < 4 else 6)
    if kind == 0:
        return dice.choice([None, True, False])
    if kind == 1:
        return dice.choice([0, 1, -1, 2, 16000, 24000, 2**31, 2**63, 10**30, 1e308, 0.5])
    if kind <= 3:
        return dice.choice(WORDS)
    if kind == 4:
        return base64.b64encode(dice.randbytes(dice.randrange(200))).decode()
    if kind == 5:
        return "".join(chr(dice.randrange(1, 0xD7FF)) for _ in range(dice.randrange(20)))
    if kind == 6:
        return [value(dice, depth + 1) for _ in range(dice.randrange(4))]
    return {dice.choice(WORDS): value(dice, depth + 1) for _ in range(dice.randrange(5))}


def message(dice: random.Random) -> str | bytes:
    """Return a message: audio, a command, or nonsense."""
    kind = dice.randrange(6)
    if kind <= 1:
        return dice.randbytes(dice.choice([0, 1, 2, 3, 320, 3201, 32000]))
    text = json.dumps(value(dice)) if kind < 5 else "".join(dice.choices('{}[]":,0x \\', k=40))
    if dice.randrange(4) == 0:
        place = dice.randrange(len(text) + 1)
        text = text[:place] + dice.choice(["\0", "\u202e", '"', "}", "9" * 400]) + text[place:]
    return text.encode("utf-8", "surrogatepass") if dice.randrange(5) == 0 else text


async def attack(port: int, wyoming_port: int, seconds: float, seed: int) -> Report:
    """Attack until the time is over, each protocol by a task of its own."""
    report, end = Report(), time.monotonic() + seconds
    tasks = [_websockets(port, path, end, random.Random(f"{seed}{path}"), report)
             for path in ("/", "/v1/listen", "/v1/realtime")]  # fmt: skip
    tasks.append(_http(port, end, random.Random(f"{seed}http"), report))
    tasks.append(_wyoming(wyoming_port, end, random.Random(f"{seed}wyoming"), report))
    await asyncio.gather(*tasks)
    async with httpx.AsyncClient() as client:
        health = (await client.get(f"http://127.0.0.1:{port}/health")).json()
        metrics = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    crashes = [line for line in metrics.splitlines() if line.startswith("streamer_worker_restarts")]
    if health["status"] != "ok" or not crashes[0].endswith(" 0.0"):
        report.failures += 1
    return report


async def _websockets(
    port: int, path: str, end: float, dice: random.Random, report: Report
) -> None:
    while time.monotonic() < end:
        report.attempts += 1
        query = "&".join(
            f"{name}={dice.choice(['16000', 'x', '-1', '', '1e9', 'true', 's16', 'f32'])}"
            for name in dice.sample(["rate", "channels", "encoding", "partials", "name"], 2)
        )
        url = f"ws://127.0.0.1:{port}{path}" + f"?{query}" * dice.randrange(2)
        try:
            async with websockets.connect(url) as socket:
                for _ in range(dice.randrange(1, 12)):
                    await socket.send(message(dice))
                if dice.randrange(3) == 0:
                    socket.transport.abort()
                    continue
                with contextlib.suppress(asyncio.TimeoutError):
                    while True:
                        await asyncio.wait_for(socket.recv(), 0.2)
        except websockets.InvalidStatus as refused:
            report.answer(refused.response.status_code, STATUSES)
        except websockets.ConnectionClosed as closed:
            report.answer(closed.rcvd.code if closed.rcvd else 1006, CODES)


async def _http(port: int, end: float, dice: random.Random, report: Report) -> None:
    paths = [
        "/", "/captions", "/health", "/metrics", "/v1/streams", "/v1/streams/%00/events",
        "/v1/models/" + "x" * 500, "/page/../settings.py", "/page/%2e%2e/app.py", "/nothing",
    ]  # fmt: skip
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        while time.monotonic() < end:
            report.attempts += 1
            if dice.randrange(2):
                method = dice.choice(["GET", "POST", "PUT", "HEAD", "OPTIONS"])
                response = await client.request(method, dice.choice(paths))
            else:
                content = dice.choice([b"", b"RIFF", b"fLaC", b"OggS", b"ID3"])
                file = content + dice.randbytes(dice.randrange(2000))
                names = dice.sample(["model", "language", "response_format", "stream"], 2)
                fields = {name: dice.choice(["x", "json", "en", "true", "\0"]) for name in names}
                name = dice.choice(["a.wav", "../../a.mp3", "", "a.", "\u202e.flac"])
                response = await client.post(
                    "/v1/audio/transcriptions", data=fields, files={"file": (name, file)}
                )
            report.answer(response.status_code, STATUSES)


async def _wyoming(port: int, end: float, dice: random.Random, report: Report) -> None:
    while time.monotonic() < end:
        report.attempts += 1
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            for _ in range(dice.randrange(1, 8)):
                header = value(dice)
                if isinstance(header, dict):
                    header["type"] = dice.choice(WORDS)
                    header.pop("data_length", None)
                payload = dice.randbytes(dice.choice([0, 0, 320, 3200]))
                if payload and isinstance(header, dict):
                    header["payload_length"] = dice.choice([len(payload), len(payload) + 1, -1])
                writer.write(json.dumps(header).encode() + b"\n" + payload)
                await writer.drain()
            if dice.randrange(2):
                writer.write_eof()
                await asyncio.wait_for(reader.read(), WAIT_S)
        writer.transport.abort()
        report.answers["wyoming"] += 1
