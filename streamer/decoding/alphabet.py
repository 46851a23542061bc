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

#: More labels than any alphabet or syllabary has.
MAX_LABELS = 20_000

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
        if not self.labels:
            raise ModelError("The alphabet has no labels", "write one label per line")
        if len(self.labels) > MAX_LABELS:
            raise ModelError(
                f"The alphabet has {len(self.labels)} labels",
                f"use at most {MAX_LABELS}, one per line",
            )
        for label in self.labels:
            if UNPRINTABLE.search(label):
                raise ModelError(
                    f"The alphabet has the label {label!r}, which controls terminals",
                    "remove control characters and marks of direction",
                )
        if "" in self._index:
            raise ModelError("The alphabet has an empty label", "remove the empty line")
        if len(self._index) < len(self.labels):
            repeated = next(x for i, x in enumerate(self.labels) if self._index[x] != i)
            raise ModelError(f"The alphabet has the label {repeated!r} twice", "remove one of them")
        if " " not in self._index:
            raise ModelError(
                "The alphabet has no space, which separates words",
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
        """Whether every character of a text is a label."""
        return all(character in self._index for character in text)

    def encode(self, text: str) -> list[int]:
        """Return the outputs that spell a text.

        Raises:
            ModelError: a character is not a label.
        """
        try:
            return [self._index[character] for character in text]
        except KeyError as error:
            raise ModelError(
                f"The model's alphabet cannot spell {text!r}: it has no {error.args[0]!r}",
                "use only letters of the alphabet",
            ) from None

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
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ModelError(
            f"The alphabet {path} cannot be read ({error.strerror or error})",
            "use the model's alphabet.txt",
        ) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if len(raw) > MAX_BYTES or "\0" in text:
        raise ModelError(f"The alphabet {path} is not UTF-8 text", "use the model's alphabet.txt")
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
                    f"The alphabet {path} has an empty line {number}",
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
