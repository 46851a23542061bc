"""Names unknown to the language model, read aloud: found only with --words."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from streamer.bundle import find_bundle
from streamer.errors import ModelError
from tests.support.paths import DATA

NAMES = ["ravindra", "matsumoto", "fernandinho", "popocatepetl"]
RECORDING = DATA / "names.ogg"


def bundled_model_is_there() -> bool:
    try:
        return bool(find_bundle("english"))
    except ModelError:
        return False


pytestmark = pytest.mark.skipif(
    not bundled_model_is_there(), reason="the bundled model is not in this checkout"
)


def heard(*options: str, **environment: str) -> list[str]:
    """Run the real program on the recording and return its lines, one per utterance."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("STREAMER_")}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "streamer.cli.app",
            "transcribe",
            "--verbatim",
            *options,
            str(RECORDING),
        ],
        env={**clean, "STREAMER_CONFIG": os.devnull, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def names_in(lines: list[str]) -> list[str]:
    return [word for line in lines for word in line.split() if word in NAMES]


@pytest.mark.slow
def test_without_user_words_the_names_are_not_found():
    lines = heard()
    assert len(lines) == len(NAMES)  # each utterance is transcribed, but with other words
    assert names_in(lines) == []


def test_words_from_a_file_are_found(tmp_path):
    words = tmp_path / "words.txt"
    # The pronunciation of the last does not follow English spelling; it needs more weight.
    weights = [8, 8, 8, 12]
    lines = [f"{name}={weight}\n" for name, weight in zip(NAMES, weights)]
    words.write_text("# friends\n" + "".join(lines), encoding="utf-8")
    assert names_in(heard("--words", str(words))) == NAMES


@pytest.mark.slow
def test_a_word_with_a_weight_is_found_and_changes_nothing_else():
    without, lines = heard(), heard("--word", "Matsumoto=8")
    assert names_in(lines) == ["matsumoto"]
    assert [lines[i] for i in (0, 2, 3)] == [without[i] for i in (0, 2, 3)]


@pytest.mark.slow
def test_a_word_can_come_from_the_environment():
    assert names_in(heard(STREAMER_WORD="matsumoto=8 fernandinho=8")) == NAMES[1:3]


@pytest.mark.slow
def test_a_weight_below_zero_makes_a_word_unlikely():
    assert names_in(heard("--word", "matsumoto=-20")) == []


@pytest.mark.slow
def test_dictation_adds_its_commands_to_the_user_words(tmp_path):
    """The word of a user's own command is found although it is new to the language model.

    It stays a word here: there is no pause before and after it.
    """
    (tmp_path / "commands.toml").write_text('[punctuation]\n"matsumoto" = ";"\n', encoding="utf-8")
    (line,) = heard("--dictation", STREAMER_CONFIG=str(tmp_path / "config.toml"))
    assert "matsumoto" in line
    assert ";" not in line
