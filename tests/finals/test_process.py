"""The process of an engine: answers, failures, its end."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.errors import ModelError, UsageError
from streamer.events import Word
from streamer.finals import EngineProcess, FinalsChoice, Said, parse_choice
from streamer.finals.process import start_process
from streamer.finals.worker import serve
from streamer.finals.writing import spoken_words
from tests.support.models.bundles import make_tiny_bundle

CHOICE = FinalsChoice("whisper", "base.en")
LIMIT_S = 60.0

#: Says how many samples it got; negative ones fail, a one ends it.
CHILD = """
import sys
from streamer.finals.engine import Said
from streamer.finals import worker
class Engine:
    def load(self): ...
    def transcribe(self, samples):
        if len(samples) == 1:
            raise SystemExit(3)
        if samples[0] < 0:
            raise ValueError("below zero")
        return Said(f"{len(samples)} samples")
worker.FinalsChoice.create = lambda self: Engine()
sys.argv[1:] = sys.argv[-1:]
worker.main()
"""


def child(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return start_process([sys.executable, "-c", CHILD, command[-1]])


@pytest.fixture
def engine() -> Iterator[EngineProcess]:
    process = EngineProcess(CHOICE, child)
    yield process
    process.close()


def ask(engine: EngineProcess, samples: Any) -> tuple[Said | None, str]:
    request = engine.submit(np.asarray(samples, np.float32))
    assert request.done.wait(LIMIT_S)
    return request.said, request.failure


def test_an_engine_answers_one_utterance_after_the_other(engine: EngineProcess) -> None:
    requests = [engine.submit(np.zeros(n, np.float32)) for n in (16000, 70000)]
    assert all(request.done.wait(LIMIT_S) for request in requests)
    assert [r.said and r.said.text for r in requests] == ["16000 samples", "70000 samples"]


def test_a_failure_is_that_of_one_utterance(engine: EngineProcess) -> None:
    assert ask(engine, [-1.0, 0.0]) == (None, "below zero")
    assert ask(engine, [0.0, 0.0]) == (Said("2 samples"), "")


def test_a_process_that_ends_fails_from_then_on(engine: EngineProcess) -> None:
    assert ask(engine, [0.0]) == (None, "its process ended with code 3")
    assert ask(engine, [0.0, 0.0]) == (None, "its process ended with code 3")


def test_an_abandoned_utterance_is_skipped(engine: EngineProcess) -> None:
    first = engine.submit(np.zeros(2, np.float32))
    second = engine.submit(np.zeros(3, np.float32))
    second.abandoned = True
    assert first.done.wait(LIMIT_S) and second.done.wait(LIMIT_S)
    assert second.said is None


def test_closing_ends_the_process(engine: EngineProcess) -> None:
    ask(engine, [0.0, 0.0])
    process = engine._process
    assert process is not None
    engine.close()
    engine.close()
    assert process.poll() is not None


def test_an_engine_that_is_not_there_says_so() -> None:
    engine = EngineProcess(FinalsChoice("bundle", "/nowhere"))
    said, failure = ask(engine, [0.0, 0.0])
    engine.close()
    assert said is None and "/nowhere" in failure


def test_a_bundle_is_an_engine(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "tiny")
    engine = EngineProcess(FinalsChoice("bundle", str(tmp_path / "tiny")))
    said, failure = ask(engine, np.zeros(16000))
    engine.close()
    assert failure == "" and said is not None and not said.written


def test_the_protocol_carries_words_with_their_times() -> None:
    said = Said("one", False, (Word("one", 0.1, 0.5, 0.9),), 0.7)

    class Engine:
        def load(self) -> None: ...

        def transcribe(self, samples: Any) -> Said:
            assert samples.tolist() == [0.5, 0.25]
            return said

    answers = io.BytesIO()
    data = np.array([0.5, 0.25], np.float32).tobytes()
    serve(Engine(), io.BytesIO(b"2\n" + data), answers)
    assert Said.from_json(json.loads(answers.getvalue())) == said


def test_values_of_finals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    folder = tmp_path / "whisper-small"
    folder.mkdir()
    assert parse_choice("whisper").name == "whisper:base.en"
    assert parse_choice("moonshine:base-en").name == "moonshine:base-en"
    assert parse_choice(f"whisper:{folder}").name == "whisper:whisper-small"
    make_tiny_bundle(tmp_path / "tiny")
    assert parse_choice(str(tmp_path / "tiny"), ["ada"]) == FinalsChoice(
        "bundle", str(tmp_path / "tiny"), ("ada",)
    )
    with pytest.raises(UsageError, match="no folder"):
        parse_choice(f"whisper:{tmp_path / 'missing'}")
    with pytest.raises(UsageError, match="names no model"):
        parse_choice("whisper:")
    with pytest.raises(ModelError):
        parse_choice("no-such-model")


def test_an_engine_that_is_not_installed_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install faster-whisper"):
        parse_choice("whisper:small.en")


def test_no_library_of_an_engine_reaches_the_network() -> None:
    script = (
        "import os; print(os.environ['HF_HUB_OFFLINE'], os.environ['HF_HUB_DISABLE_TELEMETRY'])"
    )
    process = start_process([sys.executable, "-c", script])
    assert process.communicate()[0].split() == [b"1", b"1"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [("whisper", "WhisperEngine"), ("moonshine", "MoonshineEngine"), ("bundle", "BundleEngine")],
)
def test_each_kind_has_its_engine(kind: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engines = f"streamer.finals.engines.{kind}.{name}"
    monkeypatch.setattr(engines, lambda weights, words=None: (kind, weights, words))
    words = None if kind == "moonshine" else ("ada",)
    made: Any = FinalsChoice(kind, "base", ("ada",)).create()
    assert made == (kind, "base", words)


def test_a_process_that_was_never_started_is_closed_at_once() -> None:
    started: list[Any] = []
    engine = EngineProcess(CHOICE, started.append)  # type: ignore[arg-type]
    engine.close()
    assert started == [] and engine.pid is None


def test_an_engine_that_is_closed_while_it_starts_is_killed() -> None:
    class Starting:
        """A process that is there only once the engine has been closed."""

        pid, stdin, stdout = 7, None, io.BytesIO(b'{"ready": true}\n')
        killed = False

        def kill(self) -> None:
            self.killed = True

        def wait(self) -> None: ...

    process = Starting()
    closing = threading.Event()

    def starter(command: Sequence[str]) -> Any:
        assert closing.wait(LIMIT_S)
        return process

    engine = EngineProcess(CHOICE, starter)
    request = engine.submit(np.zeros(9, np.float32))
    engine._failure = "it was closed"  # what close() sets first
    closing.set()
    assert request.done.wait(LIMIT_S)
    engine.close()
    assert process.killed and request.failure == "it was closed" and process.stdout.closed


def test_a_program_that_ends_within_an_utterance_is_not_answered() -> None:
    class Unused:
        def transcribe(self, samples: Any) -> Said:
            raise AssertionError("half of it")

    answers = io.BytesIO()
    serve(Unused(), io.BytesIO(b"100\n" + bytes(399)), answers)  # type: ignore[arg-type]
    assert answers.getvalue() == b""


def test_marks_alone_are_no_words() -> None:
    assert spoken_words("Well ... \u2014 I paid $5, 'tis true!") == [
        "well", "i", "paid", "$5", "tis", "true",
    ]  # fmt: skip
