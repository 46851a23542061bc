"""Everything that reads a file has a bound of time and memory, whatever is in the file."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bounded import bounded
from tests.support.paths import TINY_SCORER

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

#: Imports and call by reader; {path} is the file.
READERS = {
    "alphabet": ("from streamer.decoding import read_alphabet", "read_alphabet({path!r})"),
    "scorer": (
        "from streamer.decoding.scorer.package import read_scorer", "read_scorer({path!r})",
    ),
    "recurrent": (
        "from streamer.decoding.language.recurrent_model import read_recurrent_model",
        "read_recurrent_model({path!r})",
    ),
    "words": (
        "from streamer.decoding.user_words import read_user_words", "read_user_words({path!r})",
    ),
    "config": (
        "import typer; from pathlib import Path; from streamer.cli.app import build_app\n"
        "from streamer.cli.support.config_file import load_defaults\n"
        "command = typer.main.get_command(build_app())",
        "load_defaults(command, Path({path!r}))",
    ),
    "network": ("from streamer.convert.readers import read_network", "read_network({path!r})"),
    "recording": (
        "import soundfile, soxr; from streamer.audio.sources.recording import RecordingSource",
        "RecordingSource({path!r}).open(16000)",
    ),
    "bundle": (
        "from pathlib import Path; from streamer.bundle import read_bundle",
        "read_bundle(Path({path!r}).parent)",
    ),
}  # fmt: skip


def nested(depth: int) -> bytes:
    return b'{"format": 1, "name": ' + b"[" * depth


def wav(rate_hz: int) -> bytes:
    body = bytes(64_000)
    return b"".join([
        b"RIFF", struct.pack("<I", 36 + len(body)), b"WAVEfmt ",
        struct.pack("<IHHIIHH", 16, 1, 1, rate_hz, 2 * rate_hz & 0xFFFFFFFF, 2, 16),
        b"data", struct.pack("<I", len(body)), body,
    ])  # fmt: skip


def scorer_of_many_words() -> bytes:
    data = bytearray(TINY_SCORER.read_bytes())
    data[108:116] = struct.pack("<Q", 1 << 39)
    return bytes(data)


def tensors(shape: list[int]) -> bytes:
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}
    header = json.dumps({name: entry for name in ("words", "table", "lstm")}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4)


#: Reader, name of the file, blocks of it and how often each comes.
FILES = {
    "an alphabet of a gigabyte": ("alphabet", "alphabet.txt", [(b"a\n" * 500_000, 1000)]),
    "an alphabet of one line": ("alphabet", "alphabet.txt", [(b"a" * 1_000_000, 1)]),
    "a scorer of zeros": ("scorer", "x.scorer", [(bytes(1 << 20), 300)]),
    "a scorer of too many words": ("scorer", "x.scorer", [(scorer_of_many_words(), 1)]),
    "tensors of zeros": ("recurrent", "x.safetensors", [(bytes(1 << 20), 300)]),
    "tensors larger than the file": ("recurrent", "x.safetensors", [(tensors([1 << 40]), 1)]),
    "words without an end": ("words", "words.txt", [(b"a" * (1 << 20), 300)]),
    "a config without an end": ("config", "config.toml", [(b"#" * (1 << 20), 300)]),
    "a config of brackets": ("config", "config.toml", [(b"x = " + b"[" * 500_000, 1)]),
    "a graph of empty fields": ("network", "x.pb", [(b"\x0a\x00" * 500_000, 40)]),
    "a graph of zeros": ("network", "x.pbmm", [(bytes(1 << 20), 300)]),
    "a lite file of zeros": ("network", "x.tflite", [(bytes(1 << 20), 300)]),
    "one sample a second": ("recording", "x.wav", [(wav(1), 1)]),
    "four billion samples a second": ("recording", "x.wav", [(wav(0xFFFFFFFF), 1)]),
    "a description without an end": ("bundle", "model.json", [(b" " * (1 << 20), 300)]),
    "a description of brackets": ("bundle", "model.json", [(nested(500_000), 1)]),
    "a number without an end": ("bundle", "model.json", [(b'{"format": ' + b"9" * 900_000, 1)]),
}


@pytest.fixture
def file(kind: str, tmp_path: Path) -> Iterator[Path]:
    _, name, parts = FILES[kind]
    path = tmp_path / name
    with path.open("wb") as stream:
        for block, times in parts:
            for _ in range(times):
                # Zeros are a hole, which takes no disk.
                stream.seek(len(block), 1) if not any(block) else stream.write(block)
        stream.truncate()
    yield path
    path.unlink()


@pytest.mark.parametrize("kind", FILES)
def test_it_is_refused_within_a_second_and_200_mb(kind: str, file: Path) -> None:
    setup, call = READERS[FILES[kind][0]]
    said = bounded(setup, call.format(path=str(file)))
    assert said.startswith("error: ") and "\n" not in said, said
