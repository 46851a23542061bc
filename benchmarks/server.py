"""Load, mix, idle connections and fuzz of ``streamer serve``.

    python -m benchmarks.server load MANIFEST --streams 1 10 --seconds 60 [--misbehaving]
    python -m benchmarks.server mix MANIFEST --streams 16 --rounds 100
    python -m benchmarks.server idle --connections 200
    python -m benchmarks.server fuzz --seconds 600

Each starts a server of its own. ``load`` sends recordings at the pace of a microphone and prints
how long after a sample was sent the event that covers it was received; ``mix`` compares the words
of each stream with those that it has alone; ``fuzz`` sends nonsense to every protocol. Ten
minutes of soak are ``load --streams 10 --seconds 600``. All figures are of one machine, on which
the clients run too.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import websockets

from benchmarks.misbehaving_clients import BYTES_PER_S, CLIENTS, MESSAGE_S, RATE_HZ
from streamer.audio.sources.recording import RecordingSource
from streamer.percentiles import percentile
from streamer.training.data.manifests import read_data_set


class Server(NamedTuple):
    """A running server.

    Attributes:
        process: the process.
        port: of HTTP.
        wyoming_port: of Wyoming.
    """

    process: subprocess.Popen[str]
    port: int
    wyoming_port: int

    @property
    def pids(self) -> list[int]:
        """Process numbers of the server and its workers."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [self.process.pid, *map(int, path.read_text().split())]

    def memory_mb(self) -> float:
        """Memory of all processes, what they share counted once, in MB."""
        total = 0
        for pid in self.pids:
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                total += int(re.findall(r"^Pss: +(\d+)", text, re.MULTILINE)[0])
        return total / 1024

    def processor_s(self) -> float:
        """Processor time of all processes, in seconds."""
        total = 0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def bad_clients(port: int) -> Iterator[None]:
    """Let clients loose that do not behave, each in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.misbehaving_clients", str(port)]
    started = [subprocess.Popen([*command, name]) for name in CLIENTS]
    try:
        yield
        ended = [name for name, process in zip(CLIENTS, started) if process.poll() is not None]
        assert not ended, f"gave up: {ended}"
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


@contextlib.contextmanager
def server(*options: str) -> Iterator[Server]:
    """Start a server."""
    command = [sys.executable, "-m", "streamer", "serve", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--wyoming", "127.0.0.1:0", *options], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    ports = {}
    while "http" not in ports:
        line = process.stderr.readline()
        assert line, "the server has ended"
        found = re.match(r"listening: (\w+)://.*:(\d+)", line)
        if found:
            ports[found[1]] = int(found[2])
    try:
        yield Server(process, ports["http"], ports["tcp"])
    finally:
        process.terminate()
        rest = process.stderr.read()
        process.wait()
        if rest:
            print(rest, file=sys.stderr)


def recordings(manifest: Path, n: int, seconds: float) -> list[bytes]:
    """Return n different recordings of this length, 16-bit."""
    clips = read_data_set(manifest)
    found, place = [], 0
    for _ in range(n):
        parts, length = [], 0
        while length < seconds * RATE_HZ:
            samples = _samples(clips[place % len(clips)].path)
            parts += [samples, np.zeros(RATE_HZ // 2, np.int16)]
            length += len(samples) + RATE_HZ // 2
            place += 1
        found.append(np.concatenate(parts)[: int(seconds * RATE_HZ)].tobytes())
    return found


def _samples(path: Path) -> npt.NDArray[np.int16]:
    source = RecordingSource(path)
    source.open(RATE_HZ)
    blocks = []
    while (block := source.read()) is not None:
        blocks.append(block)
    source.close()
    return (np.clip(np.concatenate(blocks), -1, 1) * 32767).astype(np.int16)


class Heard(NamedTuple):
    """What one stream got.

    Attributes:
        latencies_ms: from a sample to the event that covers it, for each partial and final.
        words: of its finals.
        lost: samples lost.
    """

    latencies_ms: list[float]
    words: str
    lost: int


async def speak(port: int, data: bytes, *, real_time: bool = True) -> Heard:
    """Send a recording and read its events."""
    url = f"ws://127.0.0.1:{port}/v1/listen"
    latencies, words, lost = [], [], 0
    # A ping waits behind the audio that was sent before it, however long that takes to recognise.
    patience = None if not real_time else 20.0
    async with websockets.connect(
        url, max_size=None, compression=None, ping_timeout=patience
    ) as socket:
        began = time.perf_counter()

        async def send() -> None:
            step = int(MESSAGE_S * RATE_HZ) * 2
            for start in range(0, len(data), step):
                piece = data[start : start + step]
                if real_time:
                    due = began + (start + len(piece)) / BYTES_PER_S
                    await asyncio.sleep(max(0.0, due - time.perf_counter()))
                await socket.send(piece)
            await socket.send('{"type": "finish"}')

        sending = asyncio.ensure_future(send())
        async for message in socket:
            event = json.loads(message)
            if event["type"] in ("partial", "final"):
                latencies.append((time.perf_counter() - began - event["end"]) * 1000)
            if event["type"] == "final":
                words.append(event["text"])
            elif event["type"] == "gap":
                lost += event["samples"]
        await sending
    return Heard(latencies, " ".join(words), lost)


async def _all(port: int, data: Sequence[bytes], real_time: bool) -> list[Heard]:
    return list(await asyncio.gather(*(speak(port, each, real_time=real_time) for each in data)))


# Commands


def load(manifest: Path, streams: Sequence[int], seconds: float, misbehaving: bool) -> None:
    """Print latency, memory and losses for numbers of streams in real time."""
    with server() as running:
        before = running.memory_mb()
        for n in streams:
            data = recordings(manifest, n, seconds)
            used = running.processor_s()
            with bad_clients(running.port) if misbehaving else contextlib.nullcontext():
                heard = asyncio.run(_all(running.port, data, True))
            used = running.processor_s() - used
            late = [ms for each in heard for ms in each.latencies_ms]
            memory = running.memory_mb()
            print(
                f"{n} streams, {seconds:g} s{', with bad clients' * misbehaving}: latency p50"
                f" {percentile(late, 50):.0f} p95 {percentile(late, 95):.0f} ms, {len(late)}"
                f" events, {sum(e.lost for e in heard)} samples lost,"
                f" {sum(not e.words for e in heard)} streams without words,"
                f" {used / (n * seconds):.3f} s of processor time a second of audio,"
                f" {memory:.0f} MB ({(memory - before) / n:.1f} a stream over {before:.0f}),"
                f" load {os.getloadavg()[0]:.1f}",
                flush=True,
            )


def mix(manifest: Path, streams: int, seconds: float, rounds: int) -> int:
    """Compare the words of streams at once with those of each alone; return the differences."""
    data = recordings(manifest, streams, seconds)
    wrong = 0
    with server() as running:
        alone = [asyncio.run(speak(running.port, each, real_time=False)).words for each in data]
        assert len(set(alone)) == streams
        for _ in range(rounds):
            heard = asyncio.run(_all(running.port, data, False))
            wrong += sum(each.words != words for each, words in zip(heard, alone))
    print(f"{rounds} rounds of {streams} recordings at once: {wrong} with other words than alone")
    return wrong


def idle(connections: int) -> None:
    """Print what connections cost that send nothing."""
    with server() as running:

        async def hold() -> None:
            url = f"ws://127.0.0.1:{running.port}/v1/listen"
            opened = [await websockets.connect(url) for _ in range(connections)]
            memory, used = running.memory_mb(), running.processor_s()
            await asyncio.sleep(10)
            print(
                f"{connections} idle connections: {memory - before:.1f} MB,"
                f" {(running.processor_s() - used) / 10:.4f} s of processor time a second"
            )
            for each in opened:
                await each.close()

        before = running.memory_mb()
        asyncio.run(hold())


def fuzz(seconds: float, seed: int) -> int:
    """Send nonsense to every protocol; return how often the server failed."""
    from benchmarks.fuzz_server import attack

    with server("--max-streams", "8") as running:
        # Once before the measurement: what is imported on first use stays.
        asyncio.run(attack(running.port, running.wyoming_port, min(10.0, seconds), seed))
        before = running.memory_mb()
        report = asyncio.run(attack(running.port, running.wyoming_port, seconds, seed + 1))
        after = running.memory_mb()
        print(f"{report}; memory before {before:.0f} MB, after {after:.0f} MB")
        return report.failures


def main() -> int:
    """Run a command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("load", "mix", "idle", "fuzz"):
        command = commands.add_parser(name)
        if name in ("load", "mix"):
            command.add_argument("manifest", type=Path)
            command.add_argument("--streams", type=int, nargs="+", default=[16])
        command.add_argument("--seconds", type=float, default=10.0)
        command.add_argument("--rounds", type=int, default=1)
        command.add_argument("--misbehaving", action="store_true")
        command.add_argument("--connections", type=int, default=200)
        command.add_argument("--seed", type=int, default=0)
    known = parser.parse_args()
    if known.command == "load":
        load(known.manifest, known.streams, known.seconds, known.misbehaving)
    elif known.command == "mix":
        return int(mix(known.manifest, known.streams[0], known.seconds, known.rounds) > 0)
    elif known.command == "idle":
        idle(known.connections)
    else:
        return int(fuzz(known.seconds, known.seed) > 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
