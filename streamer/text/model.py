"""The text model of a language: its lexicon of casings and, where there is one, its tagger."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from streamer.arrays import FloatArray
from streamer.errors import ModelError
from streamer.text.casings import Casings, read_casings
from streamer.text.rough_words import RoughWords, read_rough_words
from streamer.text.tagger import Tagger
from streamer.text.tags import MARKS, Case
from streamer.text.vocabulary import Vocabulary

#: Files of a text model.
CASINGS_FILE = "casings.txt"
OWN_CASINGS_FILE = "casings-own.txt"
ROUGH_FILE = "rough.txt"
WORDS_FILE = "words.txt"
TAGGER_FILE = "tagger.onnx"
DESCRIPTION_FILE = "text.json"


def _zeros(size: int) -> FloatArray:
    return np.zeros(size, dtype=np.float32)


@dataclass(frozen=True)
class TextModel:
    """What written English is made with.

    Attributes:
        casings: words with capitals wherever they stand.
        tagger: marks and cases; None sets capitals at beginnings and a full stop at the end.
        vocabulary: the tagger's words.
        mark_bias: added to the tagger's marks, float32 (marks,).
        case_bias: added to its cases, float32 (cases,).
        rough: words that `WritingOptions.mask` masks.
    """

    casings: Casings
    tagger: Tagger | None = None
    vocabulary: Vocabulary = field(default_factory=lambda: Vocabulary(()))
    mark_bias: FloatArray = field(default_factory=lambda: _zeros(len(MARKS)))
    case_bias: FloatArray = field(default_factory=lambda: _zeros(len(Case)))
    rough: RoughWords = field(default_factory=RoughWords)

    @property
    def look_ahead(self) -> int:
        """How many words a decision waits for; the lexicon looks at one."""
        return 1 if self.tagger is None else max(1, self.tagger.look_ahead)

    @property
    def state_size(self) -> int:
        """Values of the tagger's state."""
        return 0 if self.tagger is None else self.tagger.state_size


def bundled_folder(language: str = "en") -> Path:
    """Return the folder of a language's text model, in a wheel or in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "assets" / f"text-{language}"
    return inside if inside.is_dir() else package.parent / "assets" / f"text-{language}"


def find_text_model(language: str) -> TextModel | None:
    """Load the text model of a language, such as ``en`` or ``en-GB``; None if it has none.

    Raises:
        ModelError: a file of it is missing or not valid.
    """
    folder = _folder_of(language)
    return None if folder is None else load_text_model(folder)


def find_slurs(language: str) -> frozenset[str]:
    """Return the words of a language that are not recognised unless a user asks for them.

    Raises:
        ModelError: their list is not valid.
    """
    folder = _folder_of(language)
    return frozenset() if folder is None else _rough_words(folder).slurs


def _rough_words(folder: Path) -> RoughWords:
    path = folder / ROUGH_FILE
    return read_rough_words(path) if path.exists() else RoughWords()


def _folder_of(language: str) -> Path | None:
    code = language.lower().replace("_", "-").partition("-")[0]
    if not code.isalpha() or not (bundled_folder(code) / CASINGS_FILE).is_file():
        return None
    return bundled_folder(code)


@lru_cache(maxsize=4)
def load_text_model(folder: Path | None = None) -> TextModel:
    """Load a text model; the one of a folder is loaded once.

    Args:
        folder: its files; None for English.

    Raises:
        ModelError: a file is missing or not valid.
    """
    folder = folder or bundled_folder()
    rough = _rough_words(folder)
    own = folder / OWN_CASINGS_FILE
    casings = read_casings(folder / CASINGS_FILE, *([own] if own.exists() else []))
    if not (folder / TAGGER_FILE).exists():
        return TextModel(casings, rough=rough)
    from streamer.text.onnx_tagger import OnnxTagger

    try:
        description = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
        words = (folder / WORDS_FILE).read_text(encoding="utf-8").split()
        biases = {
            key: np.array(description[key], dtype=np.float32) for key in ("mark_bias", "case_bias")
        }
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(
            f"text model {folder} is not valid ({error})", "install it again"
        ) from error
    if biases["mark_bias"].shape != (len(MARKS),) or biases["case_bias"].shape != (len(Case),):
        raise ModelError(f"text model {folder} has other marks", "install it again")
    tagger = OnnxTagger(folder / TAGGER_FILE)
    return TextModel(casings, tagger, Vocabulary(words), **biases, rough=rough)
