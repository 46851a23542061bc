"""What the commands that make models hand on, and what they print of it, without PyTorch."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from streamer.cli.app import run
from streamer.cli.support import outputs as outputs_module
from streamer.errors import DeviceError, OutputError
from streamer.training import requirements


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("STREAMER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STREAMER_CONFIG", os.devnull)
    monkeypatch.setattr(requirements, "need_torch", lambda: None)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let another module stand in for one that needs PyTorch."""

    def install(name: str, **contents: Any) -> None:
        module = ModuleType(name)
        module.__dict__.update(contents)
        monkeypatch.setitem(sys.modules, name, module)

    return install


# streamer export


@pytest.mark.parametrize("slim", [False, True])
def test_a_checkpoint_is_exported_in_the_formats_asked_for(
    stand_in: Any, slim: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[Any] = []

    def export(checkpoint: Path, output: Path, **values: Any) -> Any:
        calls.append(values)
        values["progress"]("writing")
        return SimpleNamespace(networks={"onnx": output / "a.onnx", "numpy": output / "a.st"})

    stand_in("streamer.training.export", export=export)
    written: list[Any] = []
    stand_in(
        "streamer.training.network.checkpoint", write_slim_checkpoint=lambda *of: written.append(of)
    )
    command = [
        "export",
        "last.pt",
        "-o",
        "mine",
        "--format",
        "onnx-int8",
        "--format",
        "safetensors",
    ]
    assert run([*command, *(["--slim", "slim.pt"] if slim else [])]) == 0
    (values,) = calls
    assert values["name"] == "mine"
    assert values["forms"] == [("onnx", "int8"), ("safetensors", "fp32")]
    assert written == ([(Path("last.pt"), Path("slim.pt"))] if slim else [])
    out, err = capsys.readouterr()
    assert out == f"onnx\t{Path('mine/a.onnx')}\nnumpy\t{Path('mine/a.st')}\n"
    assert err == "writing\nuse it with: streamer --model mine\n"


# streamer adapt


def gain(helps: bool) -> Any:
    return SimpleNamespace(words=90, before=9, after=5, better=4, worse=1, helps=helps)


@pytest.mark.parametrize("helps", [False, True])
@pytest.mark.parametrize("force", [False, True])
def test_an_adapted_model_is_kept_if_it_helps_or_is_forced(
    stand_in: Any, helps: bool, force: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[Any] = []
    written: list[Path] = []

    class Adaptation:
        def __init__(self, bundle: Any, clips: list[Any]) -> None:
            given.append((bundle.name, clips))

        def cross_validate(self, say: Any) -> Any:
            return gain(helps)

        def write(self, output: Path, *_: Any) -> None:
            written.append(output)

    stand_in("streamer.training.adaptation.adapt", Adaptation=Adaptation)
    stand_in("streamer.training.data.manifests", read_data_set=lambda where: [f"clip of {where}"])
    command = ["adapt", "a.tsv", "b.tsv", "-o", "mine"]
    code = run([*command, *(["--force"] if force else [])])
    assert given == [("english", ["clip of a.tsv", "clip of b.tsv"])]
    out, err = capsys.readouterr()
    assert "9 of 90 words wrong before, 5 after (4 sentences better, 1 worse)" in out
    if helps or force:
        assert code == 0 and written == [Path("mine")] and "model: mine" in out
    else:
        assert code == 1 and written == [] and "so it is not kept" in err


def test_without_recordings_sentences_are_read_aloud(stand_in: Any) -> None:
    recorded: list[Any] = []

    def record_sentences(folder: Path, sentences: Any, source: Any, ask: Any, say: Any) -> Any:
        recorded.append((folder.name, list(sentences)))
        return ["clip"]

    class Adaptation:
        def __init__(self, bundle: Any, clips: list[Any]) -> None:
            assert clips == ["clip"]

        def cross_validate(self, say: Any) -> Any:
            return gain(True)

        def write(self, *_: Any) -> None: ...

    stand_in("streamer.training.adaptation.adapt", Adaptation=Adaptation)
    stand_in("streamer.training.adaptation.prompts", SENTENCES=["one", "two", *"x" * 99])
    stand_in("streamer.training.adaptation.recording", record_sentences=record_sentences)
    stand_in("streamer.training.data.manifests", read_data_set=None)
    assert run(["adapt", "-o", "mine", "--sentences", "10"]) == 0
    ((folder, sentences),) = recorded
    assert folder == "mine-recordings" and sentences[:2] == ["one", "two"] and len(sentences) == 10


# streamer scorer


@pytest.mark.parametrize("raw", [False, True])
def test_running_text_is_split_into_sentences_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, raw: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("Hello there. How are you?\n")
    texts: list[str] = []

    def build(weighted: Any, output: Path, *_: Any) -> int:
        assert [weight for _, weight in weighted] == [3]
        texts.extend(Path(path).read_text() for path, _ in weighted)
        output.write_bytes(bytes(2_000_000))
        return 5

    monkeypatch.setattr("streamer.training.language.scorer.build_scorer", build)
    assert run(["scorer", "build", "a.txt=3", "-o", "a.scorer", *(["--raw"] if raw else [])]) == 0
    expected = "hello there\nhow are you\n" if raw else "Hello there. How are you?\n"
    assert texts == [expected]
    assert capsys.readouterr().err == "a.scorer: 5 words, 2.0 MB\n"


@pytest.mark.parametrize("dev", [False, True])
def test_the_perplexity_of_a_text_is_printed_if_there_is_one(
    stand_in: Any, tmp_path: Path, dev: bool
) -> None:
    from tests.support.paths import TINY_SCORER

    calls: list[Any] = []
    stand_in("streamer.training.language.recurrent_training", train=lambda *of: calls.append(of))
    for name in ("a.txt", "dev.txt"):
        (tmp_path / name).write_text("hello there\nhow are you\n")
    command = ["scorer", "recurrent", "a.txt", "-o", "r.safetensors", "--scorer", str(TINY_SCORER)]
    assert run([*command, *(["--dev", "dev.txt"] if dev else [])]) == 0
    ((_, words, output, settings, start_from, sentences, _),) = calls
    assert "elizabeth" in words and output == Path("r.safetensors") and start_from is None
    assert sentences == (["hello there", "how are you"] if dev else []) and settings.n_hidden > 0


# streamer devices


def test_without_a_microphone_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("streamer.audio.devices.list_devices", lambda: [])
    assert run(["devices"]) == DeviceError.exit_code
    out, err = capsys.readouterr()
    assert out == "" and "streamer transcribe FILE" in err


# Where the text goes


@pytest.mark.parametrize("there", [False, True])
def test_a_clipboard_that_is_not_there_is_told_before_anything_is_said(
    there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = SimpleNamespace(copy=lambda text: None)
    monkeypatch.setattr("streamer.dictation.find_clipboard", lambda: board if there else None)
    options: Any = SimpleNamespace(clipboard="all", dictation=False)
    if there:
        writer: Any = outputs_module._clipboard_writer(options, print)
        assert writer._clipboard is board and writer._whole
    else:
        with pytest.raises(OutputError, match="finds no clipboard, or no tool for it"):
            outputs_module._clipboard_writer(options, print)
