r"""Labels of an acoustic model: the character of each output.

DeepSpeech's ``alphabet.txt`` has one label per line, in the order of the network's
outputs. ``#`` starts a comment, ``\#`` is the label ``#``, and a line with a single
space is the space. CTC's blank has no line; it is the output after the last label.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from streamer.errors import ModelError
from streamer.printable import UNPRINTABLE
from streamer.untrusted.regular_files import open_regular

#: More labels than any alphabet or syllabary has.
MAX_LABELS = 20_000

#: Characters of one label: a syllable or a piece of a word.
MAX_LABEL_LENGTH = 32

#: Larger files are not alphabets and are not read.
MAX_BYTES = 1 << 20


class Alphabet:
    """Labels of an acoustic model, in the order of its outputs.

    Args:
        labels: strings of one or more characters; exactly one is a space.

    Raises:
        ModelError: repeated labels, an empty label, a control character, too many or none, or no
            space.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels: tuple[str, ...] = tuple(labels)
        self._index: dict[str, int] = {label: i for i, label in enumerate(self.labels)}
        self._longest = max(map(len, self.labels), default=0)
        if not self.labels:
            raise ModelError("the alphabet has no labels", "write one label per line")
        if len(self.labels) > MAX_LABELS:
            raise ModelError(
                f"the alphabet has {len(self.labels)} labels",
                f"use at most {MAX_LABELS}, one per line",
            )
        for label in self.labels:
            if UNPRINTABLE.search(label):
                short = label[:MAX_LABEL_LENGTH]
                raise ModelError(
                    f"the alphabet has the label {short!r}, which controls terminals",
                    "remove control characters and marks of direction",
                )
        if self._longest > MAX_LABEL_LENGTH:
            raise ModelError(
                f"the alphabet has a label of {self._longest} characters",
                f"use labels of at most {MAX_LABEL_LENGTH}",
            )
        if "" in self._index:
            raise ModelError("the alphabet has an empty label", "remove the empty line")
        if len(self._index) < len(self.labels):
            repeated = next(x for i, x in enumerate(self.labels) if self._index[x] != i)
            raise ModelError(f"the alphabet has the label {repeated!r} twice", "remove one of them")
        if " " not in self._index:
            raise ModelError(
                "the alphabet has no space, which separates words",
                "add a line with a single space at the position of that output",
            )

    @property
    def space(self) -> int:
        """Output of the space."""
        return self._index[" "]

    @property
    def blank(self) -> int:
        """Output of CTC's blank: the one after the last label."""
        return len(self.labels)

    def __len__(self) -> int:
        """Return the number of labels, without the blank."""
        return len(self.labels)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alphabet) and other.labels == self.labels

    def __hash__(self) -> int:
        return hash(self.labels)

    def can_spell(self, text: str) -> bool:
        """Whether a text is a sequence of labels."""
        return self._labels_of(text) is not None

    def encode(self, text: str) -> list[int]:
        """Return the outputs that spell a text; of labels of several characters the longest.

        Raises:
            ModelError: the labels cannot spell it.
        """
        labels = self._labels_of(text)
        if labels is None:
            missing = [character for character in text if character not in self._index]
            raise ModelError(
                f"The model's alphabet cannot spell {text!r}"
                + (f": it has no {missing[0]!r}" if missing else ""),
                "use only letters of the alphabet",
            )
        return labels

    def _labels_of(self, text: str) -> list[int] | None:
        if self._longest == 1:
            labels = [self._index.get(character, -1) for character in text]
            return None if -1 in labels else labels
        # From the end: the label that each place begins with, if the rest can be spelled then.
        first: list[str | None] = [None] * len(text) + [""]
        for i in reversed(range(len(text))):
            for length in range(min(self._longest, len(text) - i), 0, -1):
                label = text[i : i + length]
                if label in self._index and first[i + length] is not None:
                    first[i] = label
                    break
        labels, at = [], 0
        while at < len(text):
            label_here = first[at]
            if label_here is None:
                return None
            labels.append(self._index[label_here])
            at += len(label_here)
        return labels

    def decode(self, indices: Iterable[int]) -> str:
        """Return the text of outputs, none of them a blank."""
        return "".join([self.labels[i] for i in indices])


def read_alphabet(path: str | Path) -> Alphabet:
    """Read an ``alphabet.txt``.

    Raises:
        ModelError: the file is missing, not text, or has labels that `Alphabet` rejects.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"the alphabet {path} cannot be read ({getattr(error, 'strerror', None) or error})",
            "use the model's alphabet.txt",
        ) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if len(raw) > MAX_BYTES or "\0" in text:
        raise ModelError(f"the alphabet {path} is not UTF-8 text", "use the model's alphabet.txt")
    labels = []
    # Not splitlines(): it also splits at characters that may be labels.
    for number, line in enumerate(text.split("\n"), 1):
        line = line[:-1] if line.endswith("\r") else line
        if line.startswith("#"):
            continue
        if line.startswith("\\#"):
            line = line[1:]
        if not line:
            if number <= text.count("\n"):
                raise ModelError(
                    f"the alphabet {path} has an empty line {number}",
                    "remove it; the line of the space is a single space",
                )
            continue
        labels.append(line)
    try:
        return Alphabet(labels)
    except ModelError as error:
        raise ModelError(f"{error.what}, in {path}", error.todo) from None


def write_alphabet(path: str | Path, alphabet: Alphabet) -> None:
    """Write an ``alphabet.txt`` for `read_alphabet` and DeepSpeech."""
    lines = ["\\" + label if label.startswith("#") else label for label in alphabet.labels]
    Path(path).write_bytes(("\n".join(lines) + "\n").encode("utf-8"))
