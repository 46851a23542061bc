"""What a user wants written for certain heard words: ``"eye phone" = "iPhone"``.

The table is a TOML file in the folder of the config file. It is applied before anything else is
written, and what is learnt while a stream runs counts from its next utterance on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from streamer.alignment import align
from streamer.errors import UsageError
from streamer.private_files import make_private_folder, write_private_file
from streamer.text.numbers.span import Place, Span
from streamer.text.user_tables import read_user_table

#: The table, in the folder of the config file.
REPLACEMENTS_FILE = "replacements.toml"
#: Longest phrase that is replaced, in words; so many words a partial waits for.
LONGEST = 5
_MARKS = ".,?!:;"
_HEADER = "# What streamer hears, and what it writes for it.\n"


class Replacements:
    """The table of one user.

    Args:
        table: what is written, by what is heard: lower case, words separated by one space.
        path: where learnt entries are kept; None keeps them in memory.

    Raises:
        UsageError: an entry is not valid.
    """

    def __init__(self, table: Mapping[str, str] | None = None, path: Path | None = None) -> None:
        self._path = path
        self._table: dict[tuple[str, ...], str] = {}
        for heard, written in (table or {}).items():
            words, text = _checked(heard, written)
            self._table[words] = text

    @property
    def table(self) -> dict[str, str]:
        """What is written, by what is heard."""
        return {" ".join(heard): written for heard, written in self._table.items()}

    def find(self, place: Place) -> Span | None:
        """Return the longest phrase at a place, a rule like those of numbers."""
        table = self._table
        longest = max((len(heard) for heard in table if heard[0] == place.word), default=0)
        for n in range(longest, 0, -1):
            heard = tuple(place.words.at(place.position + k) for k in range(n))
            if heard in table:
                return Span(place.position + n, table[heard])
        return None

    def learn(self, heard: str, written: str) -> None:
        """Add an entry, and keep it for the next time; may be called by any thread.

        Raises:
            UsageError: it is not valid, or the table cannot be written.
        """
        words, text = _checked(heard, written)
        self._table = {
            **self._table,
            words: text,
        }  # one assignment: whoever reads it meanwhile has one or the other
        if self._path is None:
            return
        lines = [f"{json.dumps(h, ensure_ascii=False)} = {json.dumps(w, ensure_ascii=False)}\n"
                 for h, w in sorted(self.table.items())]  # fmt: skip
        try:
            make_private_folder(self._path.parent)
            write_private_file(self._path, (_HEADER + "".join(lines)).encode("utf-8"))
        except OSError as error:
            raise UsageError(
                f"cannot write {self._path} ({error.strerror or error})", "check its folder"
            ) from error


def changes(words: Sequence[str], display: str, edited: str) -> dict[str, str]:
    """Return what was changed in a display: written, by the words that were heard.

    Args:
        words: as spoken, lower case.
        display: how they were written.
        edited: how they should have been.
    """
    before, after = display.split(), edited.split()
    places = align(before, words)
    found: dict[str, str] = {}
    for first, last, begin, end in _differences(before, after):
        spoken = [k for place in places[first:last] for k in place]
        if not spoken or begin == end:
            continue
        heard = " ".join(words[min(spoken) : max(spoken) + 1])
        written = " ".join(after[begin:end]).strip(_MARKS)
        old = " ".join(before[first:last]).strip(_MARKS)
        starts = first == 0 or before[first - 1][-1:] in (".", "?", "!")
        same = written == old or (starts and written.lower() == old.lower())
        if written and not same and len(heard.split()) <= LONGEST:
            found[heard] = written
    return found


def _differences(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int, int, int]]:
    from difflib import SequenceMatcher

    old, new = ([word.strip(_MARKS) for word in words] for words in (before, after))
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [code[1:] for code in matcher.get_opcodes() if code[0] != "equal"]


def load_replacements(folder: Path | None) -> Replacements:
    """Read the user's table; an empty one where there is none.

    Args:
        folder: of the config file; None for a table in memory.

    Raises:
        UsageError: it is not valid.
    """
    if folder is None:
        return Replacements()
    path = folder / REPLACEMENTS_FILE
    table = read_user_table(path)
    return Replacements(table.entries if table else None, path)


def _checked(heard: str, written: object) -> tuple[tuple[str, ...], str]:
    words = tuple(heard.lower().split())
    if not words or len(words) > LONGEST:
        raise UsageError(
            f'the replacement of "{heard}" has {len(words)} words', f"use 1 to {LONGEST}"
        )
    if not isinstance(written, str) or not written.strip() or not written.isprintable():
        raise UsageError(f'the replacement of "{heard}" must be some text', "fix that entry")
    return words, " ".join(written.split())
