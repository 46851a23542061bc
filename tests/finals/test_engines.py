"""Each engine in this process, with a stand-in where its library would be."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from streamer.finals.engines.bundle import BundleEngine
from streamer.finals.engines.moonshine import MoonshineEngine
from streamer.finals.engines.whisper import WhisperEngine
from tests.support.audio.recordings import babble
from tests.support.models.bundles import make_tiny_bundle

SAMPLES = babble(1.0)[:, 0]


def library(monkeypatch: pytest.MonkeyPatch, name: str, **contents: Any) -> None:
    module = ModuleType(name)
    module.__dict__.update(contents)
    monkeypatch.setitem(sys.modules, name, module)


class Whisper:
    """A `WhisperModel` that records how it is used."""

    found: list[Any]
    multilingual = True

    def __init__(self, weights: str, **settings: Any) -> None:
        self.model = SimpleNamespace(is_multilingual=self.multilingual)
        Whisper.settings = {"weights": weights, **settings}

    def transcribe(self, samples: Any, **settings: Any) -> tuple[Any, None]:
        Whisper.settings.update(settings)
        assert samples is SAMPLES
        return iter(self.found), None


@pytest.fixture(params=[0, 1], ids=["no GPU", "a GPU"])
def whisper(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    library(monkeypatch, "faster_whisper", WhisperModel=Whisper)
    library(monkeypatch, "ctranslate2", get_cuda_device_count=lambda: request.param)
    return int(request.param)


def segment(text: str, log_probability: float) -> Any:
    return SimpleNamespace(text=text, avg_logprob=log_probability)


def test_whisper_downloads_nothing_and_leaves_a_core_to_the_recogniser(
    whisper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    WhisperEngine("tiny.en").load()
    assert Whisper.settings == {
        "weights": "tiny.en",
        "compute_type": "default" if whisper else "int8",
        "cpu_threads": 3,
        "local_files_only": True,
    }


@pytest.mark.parametrize("multilingual", [False, True])
def test_whisper_hears_english_the_expected_words_and_says_how_sure_it_is(
    multilingual: bool, whisper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Whisper, "multilingual", multilingual)
    monkeypatch.setattr(Whisper, "found", [segment(" One ", -0.2), segment("two.", -0.4)], False)
    engine = WhisperEngine("tiny", ["Ada=3", "Grace"])
    engine.load()
    said = engine.transcribe(SAMPLES)
    assert (said.text, said.written) == ("One two.", True)
    assert said.confidence == pytest.approx(math.exp(-0.3))
    assert Whisper.settings["language"] == ("en" if multilingual else None)
    assert Whisper.settings["hotwords"] == "Ada Grace"
    assert not Whisper.settings["condition_on_previous_text"]


def test_where_whisper_hears_nothing_it_says_nothing(
    whisper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Whisper, "found", [], False)
    engine = WhisperEngine("tiny")
    engine.load()
    assert engine.transcribe(SAMPLES).text == ""
    assert Whisper.settings["hotwords"] is None


@pytest.mark.parametrize(
    ("name", "size"), [("base-en", "base"), ("My-Tiny-Streaming", "tiny-streaming"), ("x", "base")]
)
@pytest.mark.parametrize("packaged", [False, True])
def test_moonshine_finds_its_folder_and_the_size_in_its_name(
    name: str, size: str, packaged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Any] = {}

    class Transcriber:
        def __init__(self, folder: str, arch: str, options: Any) -> None:
            made.update(folder=folder, arch=arch, options=options)

        def transcribe_without_streaming(self, samples: list[float], rate_hz: int) -> Any:
            made.update(n=len(samples), rate_hz=rate_hz)
            return SimpleNamespace(lines=[SimpleNamespace(text=t) for t in (" One ", " ", "two")])

    library(
        monkeypatch, "moonshine_voice",
        get_model_path=lambda wanted: tmp_path / wanted, string_to_model_arch=str.upper,
    )  # fmt: skip
    library(monkeypatch, "moonshine_voice.transcriber", Transcriber=Transcriber)
    (tmp_path / name).mkdir()
    engine = MoonshineEngine(name if packaged else str(tmp_path / name))
    engine.load()
    assert engine.transcribe(SAMPLES).text == "One two"
    assert (made["folder"], made["arch"]) == (str(tmp_path / name), size.upper())
    assert made["options"]["vad_threshold"] == 0.0  # it cuts nothing
    assert (made["n"], made["rate_hz"]) == (len(SAMPLES), 16000)
    with pytest.raises(FileNotFoundError, match="no model elsewhere"):
        MoonshineEngine("elsewhere").load()


def test_a_bundle_answers_each_utterance_as_if_it_were_the_first(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "tiny", n_hidden=8)
    engine = BundleEngine(str(tmp_path / "tiny"), ["hello=2"])
    engine.load()
    first, _, again = map(engine.transcribe, (SAMPLES, np.zeros_like(SAMPLES), SAMPLES))
    assert first.text and first == again and not first.written
    assert [word.word for word in first.words or ()] == first.text.split()
