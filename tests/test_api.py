"""The package as its users see it: public names, types, old names."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import streamer
from streamer import deprecated
from tests.support.paths import ROOT

EVERY_NAME = '''
"""A user's script with every public name."""
import asyncio
from pathlib import Path

import numpy as np
import streamer
from streamer import (
    About, AudioError, Close, ConversionError, DecoderError, DeviceError, EndpointSettings, Event,
    Final, Gap, ModelError, Notice, OutputError, Partial, ScorerError, Stats, StreamerError,
    Transcriber, UsageError, UserWord, Word, __version__, transcribe, write_out,
)

ERRORS: tuple[type[StreamerError], ...] = (
    AudioError, ConversionError, DecoderError, DeviceError, ModelError, OutputError, ScorerError,
    UsageError,
)


def show(event: Event) -> str:
    if isinstance(event, (Partial, Final)):
        words: tuple[Word, ...] = event.words
        return f"{event.text} {event.stable} {[word.confidence for word in words]} {event.display}"
    if isinstance(event, Close):
        return event.display
    if isinstance(event, Gap):
        return f"{event.samples} samples"
    if isinstance(event, Stats):
        return f"{event.level_dbfs:.0f} dBFS"
    notice: Notice = event
    return notice.what


async def follow(transcriber: Transcriber) -> None:
    async for event in transcriber.alisten():
        print(show(event))
    async for event in transcriber.atranscribe(Path("talk.flac"), realtime=True):
        print(event)


def main() -> None:
    options = EndpointSettings(pre_roll_s=0.5)
    with Transcriber(user_words=[UserWord("lakshmi")], endpoints=options) as transcriber:
        about: About = transcriber.about
        print(__version__, about.model)
        for event in transcriber.listen():
            print(show(event))
            transcriber.stop()
        for event in transcriber.feed(np.zeros(512, np.float32)) + transcriber.finish():
            print(event)
    try:
        text: str = transcribe("talk.flac", decoder="greedy")
        text += streamer.transcribe(np.zeros(16000, np.int16), rate_hz=16000)
    except ERRORS as error:
        print(error.what, error.todo, error.exit_code)
    print(write_out("twenty two words", numbers=True))
    asyncio.run(follow(transcriber))
'''


def test_every_public_name_can_be_imported() -> None:
    for name in streamer.__all__:
        assert getattr(streamer, name) is not None
    assert set(streamer.__all__) <= set(dir(streamer))


def test_every_name_of_the_reference_is_public() -> None:
    reference = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    names = re.findall(r"^::: streamer\.(\w+)$", reference, re.MULTILINE)
    assert names
    assert set(names) <= set(streamer.__all__)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = streamer.Nonsense  # type: ignore[attr-defined]


def test_a_strictly_typed_script_can_use_every_public_name(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="needs mypy: pip install mypy")
    assert (ROOT / "streamer" / "py.typed").is_file()
    for name in streamer.__all__:
        assert re.search(rf"\b{name}\b", EVERY_NAME), f"{name} is not in the script"
    script = tmp_path / "script.py"
    script.write_text(EVERY_NAME)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent",
         "--ignore-missing-imports", "--python-version=3.10",
         f"--cache-dir={tmp_path / 'cache'}", str(script)],
        capture_output=True, text=True, cwd=tmp_path, env={"MYPYPATH": str(ROOT), "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("old", sorted(deprecated.MODULES))
def test_a_module_that_moved_is_found_with_a_warning(
    old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = deprecated.MODULES[old]
    monkeypatch.delitem(sys.modules, old, raising=False)
    with pytest.warns(DeprecationWarning, match=re.escape(f"{old} is now {new}")) as caught:
        module = importlib.import_module(old)
    assert module is importlib.import_module(new)
    assert module.__name__ == new
    assert len(caught) == 1


@pytest.mark.parametrize(("home", "name"), sorted(deprecated.NAMES))
def test_a_name_that_moved_is_found_with_a_warning(home: str, name: str) -> None:
    module, new_name = deprecated.NAMES[home, name]
    with pytest.warns(DeprecationWarning, match=re.escape(f"{module}.{new_name}")):
        found = getattr(importlib.import_module(home), name)
    assert found is getattr(importlib.import_module(module), new_name)


def test_a_warning_about_an_old_name_points_at_the_line_that_uses_it() -> None:
    program = "import streamer\nimport streamer.loading\nstreamer.Warning\n"
    done = subprocess.run(
        [sys.executable, "-W", "always::DeprecationWarning", "-c", program],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert "<string>:2: DeprecationWarning: streamer.loading" in done.stderr
    assert "<string>:3: DeprecationWarning: streamer.Warning" in done.stderr


def test_a_module_that_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match="klingon"):
        importlib.import_module("streamer.klingon")
