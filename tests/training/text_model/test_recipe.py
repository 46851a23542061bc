"""The whole recipe of the text model, with a thousandth of everything."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest

from streamer.cli.app import run
from streamer.errors import UsageError
from streamer.text.model import TAGGER_FILE, WORDS_FILE, load_text_model
from streamer.text.written import WrittenForm

pytest.importorskip("torch")
pytest.importorskip("onnx")

from streamer.training.text_model import recipe, train
from streamer.training.text_model.export import read_onnx


def sentences(n: int, seed: int) -> list[str]:
    random = Random(seed)
    who = ("We", "The men", "John", "My friends in London", "They", "Her brothers")
    what = ("went home", "saw the river", "were glad", "asked for bread", "came back")
    then = (", and it was late.", ".", "?", ", but nobody knew why.", "!")
    return [f"{random.choice(who)} {random.choice(what)}{random.choice(then)}" for _ in range(n)]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"

    def write(name: str, text: str) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    for k, author in enumerate(("Smith", "Wharton")):
        body = "".join(f"<p>{' '.join(sentences(4, 9 * k + i))}</p>" for i in range(40))
        write(f"ELTeC-eng/level1/ENG1_{author}_Title.xml", f"<text>{body}</text>")
    for year in (1950, 2009):
        lines = "\n".join(" ".join(sentences(4, year + i)) for i in range(40))
        text = f'<title="Speech">\n<date="May 1, {year}">\n{lines}\n'
        write(f"president-speeches/someone/{year}.txt", text)
    for split in ("train", "test"):
        turns = [{"utterance": line} for line in sentences(80, len(split))]
        write(f"sgd/{split}/dialogues_001.json", json.dumps([{"turns": turns}]))
    for show in ("podcast", "founderstalk"):
        said = "\n\n".join(f"**Somebody:** {line}" for line in sentences(80, len(show)))
        write(f"transcripts/{show}/one.md", said)
    return folder


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "DEVELOPMENT_LINES", 4)
    monkeypatch.setattr(train, "ROWS", 2)
    monkeypatch.setattr(train, "ROW_WORDS", 16)


def test_a_model_is_made_resumed_and_writes(
    sources: Path, tmp_path: Path, tiny: None, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "text-xx"
    given = ["train-text", str(sources), "-o", str(output), "--steps", "2", "--state", "8",
             "--look-ahead", "2"]  # fmt: skip
    assert run(given) == 0
    model = load_text_model(output)
    assert model.tagger is not None
    assert model.rough.slurs
    written = WrittenForm(model)
    assert written.final("we went home".split()).text.startswith("We")
    scores = json.loads((output / recipe.SCORES_FILE).read_text(encoding="utf-8"))
    assert set(scores) == {
        "held-out-author", "held-out-year", "held-out-dialogue", "held-out-show"
    }  # fmt: skip
    assert "| held-out-year |" in (output / recipe.CARD_FILE).read_text(encoding="utf-8")
    capsys.readouterr()
    assert run(given) == 0
    said = capsys.readouterr().err
    assert "corpus" not in said
    assert "training" not in said


def test_two_workers_train_together(
    sources: Path, tmp_path: Path, tiny: None, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "text-xx"
    given = ["train-text", str(sources), "-o", str(output), "--steps", "2", "--state", "8",
             "--look-ahead", "2", "--workers", "2"]  # fmt: skip
    assert run(given) == 0
    assert load_text_model(output).tagger is not None


def test_a_training_goes_on_from_a_text_model(
    sources: Path, tmp_path: Path, tiny: None, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    given = ["train-text", str(sources), "--steps", "2", "--look-ahead", "2", "-o"]
    assert run([*given, str(first), "--state", "8"]) == 0
    # So small a step leaves the rounded weights as they are.
    assert run([*given, str(second), "--from", str(first), "--rate", "1e-6"]) == 0
    ours, theirs = read_onnx(first / TAGGER_FILE), read_onnx(second / TAGGER_FILE)
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        np.testing.assert_allclose(theirs[name], values, atol=1e-3)
    assert (first / WORDS_FILE).read_bytes() == (second / WORDS_FILE).read_bytes()


def test_a_text_model_to_go_on_from_has_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["train-text", str(tmp_path), "-o", str(tmp_path / "x"), "--from", str(tmp_path)]
    assert run(given) == 2
    assert "is not a text model - give a folder with tagger.onnx" in capsys.readouterr().err


def test_words_are_looked_ahead_in_pairs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train-text", str(tmp_path), "-o", str(tmp_path / "x"), "--look-ahead", "3"]) == 2
    assert "error: --look-ahead 3 is odd - say 4" in capsys.readouterr().err


def test_a_kind_of_text_that_is_missing_is_one_line(tmp_path: Path, tiny: None) -> None:
    (tmp_path / "sources").mkdir()
    with pytest.raises(UsageError, match="has no books"):
        recipe.make_text_model(
            tmp_path / "sources", tmp_path / "out", tmp_path / "work", recipe.TextModelSettings()
        )
