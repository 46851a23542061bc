"""Rules of writing at their edges: nothing said, nothing known, files that are not whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import streamer.text.model as model_module
from streamer.errors import ModelError, UsageError
from streamer.text.casings import Casings
from streamer.text.dictated import DictatedText
from streamer.text.model import TextModel, find_slurs, load_text_model
from streamer.text.numbers import number_units
from streamer.text.replacements import LONGEST, Replacements, changes, load_replacements
from streamer.text.written import WrittenForm
from tests.support.events import stats

MODEL = TextModel(Casings(["London"]))


def dictated() -> DictatedText:
    return DictatedText(WrittenForm(MODEL))


def carried_out(text: DictatedText, kind: str, said: str) -> None:
    from types import SimpleNamespace

    text.carry_out(SimpleNamespace(kind=kind, text=said))  # type: ignore[arg-type]


def test_what_nobody_said_is_not_written_and_cannot_be_taken_back() -> None:
    text = dictated()
    text.say([])
    for action in ("scratch", "delete word", "an action of a later version"):
        carried_out(text, "actions", action)
        assert text.text == ""
    text.say(["hello"])
    assert text.text == "Hello"


def test_casings_of_streets_titles_and_what_is_not_known() -> None:
    casings = Casings(["London"])
    assert casings.written("fifth", after="avenue") == "Fifth"
    assert casings.written("avenue", before="fifth") == "Avenue"
    assert casings.written("fifth", after="man") is None


def test_entries_can_be_taken_away() -> None:
    casings = Casings(["Zip", "Hello World", "Hello Kitty", "-zip", "-hello world"])
    assert casings.written("zip") is None
    assert casings.written("hello", after="world") is None
    assert casings.written("hello", after="kitty") == "Hello"


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("thirty second street", "32nd street"),
        ("a thirty second timer", "a 30 second timer"),
        ("her thirty second birthday", "her 32nd birthday"),
    ],
)
def test_seconds_are_told_from_the_thirty_second(spoken: str, written: str) -> None:
    units, _ = number_units(spoken.split())
    assert " ".join(unit.text for unit in units) == written


def test_a_table_of_replacements_may_be_in_memory_only(tmp_path: Path) -> None:
    assert load_replacements(None).table == {}
    assert load_replacements(tmp_path).table == {}
    learnt = load_replacements(tmp_path)
    learnt.learn("my sequel", "MySQL")
    assert load_replacements(tmp_path).table == {"my sequel": "MySQL"}


@pytest.mark.parametrize(
    ("heard", "written"),
    [("", "x"), ("a " * (LONGEST + 1), "x"), ("a", " "), ("a", "\x1b[31m"), ("a", 7)],
)
def test_a_replacement_that_is_none_is_refused(heard: str, written: object) -> None:
    with pytest.raises(UsageError, match="the replacement of"):
        Replacements({heard: written})  # type: ignore[dict-item]


def test_a_table_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    table = Replacements(path=tmp_path / "file" / "replacements.toml")
    with pytest.raises(UsageError, match="cannot write"):
        table.learn("a", "b")


def test_words_that_were_added_or_taken_away_are_no_replacement() -> None:
    words = "i like my sequel".split()
    assert changes(words, "I like my sequel.", "I like MySQL.") == {"my sequel": "MySQL"}
    assert changes(words, "I like my sequel.", "I like my sequel a lot.") == {}
    assert changes(words, "I like my sequel.", "I like.") == {}
    assert changes(words, "I like my sequel.", "i like my sequel!") == {}


def test_languages_without_files_have_no_slurs() -> None:
    assert find_slurs("en-GB") == find_slurs("EN_us") != frozenset()
    assert find_slurs("xx") == find_slurs("../en") == find_slurs("") == frozenset()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bundled = model_module.bundled_folder()
    if not (bundled / model_module.TAGGER_FILE).exists():
        pytest.skip("the text model is not installed")
    return Path(shutil.copytree(bundled, tmp_path / "en"))


def test_without_a_network_a_text_model_knows_the_casings_only(folder: Path) -> None:
    (folder / model_module.TAGGER_FILE).unlink()
    written = WrittenForm(load_text_model(folder)).final("i was in london".split())
    assert written.text == "I was in London"


@pytest.mark.parametrize(
    ("change", "said"),
    [({"mark_bias": [0.0]}, "has other marks"), ({"case_bias": "none"}, "is not valid")],
)
def test_a_text_model_of_other_marks_is_refused(
    folder: Path, change: dict[str, object], said: str
) -> None:
    description = folder / model_module.DESCRIPTION_FILE
    values = json.loads(description.read_text(encoding="utf-8"))
    description.write_text(json.dumps({**values, **change}), encoding="utf-8")
    with pytest.raises(ModelError, match=said):
        load_text_model(folder)


def test_statistics_say_what_there_is_to_say() -> None:
    plain = str(stats(latency_p50_ms=None, lost_samples=0))
    assert "latency" not in plain and "lost" not in plain
    full = str(stats(latency_p50_ms=123.4, lost_samples=160))
    assert "latency 123 ms" in full and "160 samples lost" in full
