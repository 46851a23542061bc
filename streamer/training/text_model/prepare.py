"""Makes the corpus of the text model: training text and four held-out sets.

``python -m streamer.training.text_model.prepare --help`` says how. A line of the corpus is a
paragraph (`normalise`); a blank line stands where the text does not go on.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

from streamer.training.language.held_out import HeldOutFilter
from streamer.training.text_model.normalise import UNSURE, written_line
from streamer.training.text_model.sources import Document, documents

#: Nothing that this author wrote is learnt from.
HELD_OUT_AUTHOR = "Wharton"
#: No speech of this year is learnt from.
HELD_OUT_YEAR = 2009
#: No episode of this show is learnt from.
HELD_OUT_SHOW = "founderstalk"
#: Speeches before this year are written language.
FIRST_YEAR = 1900
#: Words of a held-out set.
HELD_OUT_WORDS = 120_000
#: Of each book so many stretches of so many paragraphs are read.
STRETCHES = 3
STRETCH_PARAGRAPHS = 110
_NOT_LETTERS = re.compile(r"[^a-z]+")
_PLAIN = re.compile(rf"[{re.escape(UNSURE)},.?!:]")


def plain(line: str) -> str:
    """Return the spoken words of a line of the corpus."""
    return _PLAIN.sub("", line).lower()


def _key(title: str) -> str:
    title = re.sub(r"\(.*?\)|[;:].*", "", title.lower())
    return _NOT_LETTERS.sub(" ", title).strip().removeprefix("the ").removeprefix("a ")


def stretches(
    paragraphs: list[str], count: int, length: int, random: Random
) -> Iterator[list[str]]:
    """Yield runs of paragraphs from all over a book."""
    if len(paragraphs) <= count * length:
        yield paragraphs
        return
    room = len(paragraphs) // count
    for k in range(count):
        begin = k * room + random.randrange(max(1, room - length))
        yield paragraphs[begin : begin + length]


def lines(paragraphs: Iterable[str], held_out: HeldOutFilter) -> Iterator[str]:
    """Yield lines of the corpus; where one had to be left out, a blank one."""
    blank = True
    for paragraph in paragraphs:
        line = written_line(paragraph) if paragraph.strip() else ""
        if line and held_out.overlaps(plain(line)):
            line = None
        if line:
            yield line
        elif line is None and not blank:
            yield ""
        blank = not line


def set_of(document: Document) -> str:
    """Return the set that a document belongs to."""
    if document.kind == "books":
        held = HELD_OUT_AUTHOR.lower() in f"{document.author} {document.path.stem}".lower()
        return "held-out-author" if held else "books"
    if document.kind == "speeches":
        return "held-out-year" if document.year == HELD_OUT_YEAR else "speeches"
    if document.kind == "podcasts":
        return "held-out-show" if document.author == HELD_OUT_SHOW else "podcasts"
    return "held-out-dialogue" if document.split == "test" else "dialogue"


def main(arguments: list[str] | None = None) -> None:
    """Run the preparation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", type=Path, help="folder of the collections")
    parser.add_argument("output", type=Path, help="folder of the corpus")
    parser.add_argument("--without-books", type=Path, help="table of books: id, title")
    parser.add_argument("--without-lines", type=Path, nargs="*", default=[], help="manifests")
    parser.add_argument("--every", type=int, default=1, help="read every n-th document only")
    parser.add_argument("--words", type=int, default=60_000_000, help="at most, of books")
    options = parser.parse_args(arguments)
    titles = set()
    if options.without_books:
        rows = options.without_books.read_text(encoding="utf-8").splitlines()
        titles = {_key(row.split("\t")[1]) for row in rows if "\t" in row}
    sentences: list[str] = []
    for manifest in options.without_lines:
        rows = manifest.read_text(encoding="utf-8").splitlines()
        column = rows[0].split("\t").index("transcript")
        sentences += [row.split("\t")[column] for row in rows[1:]]
    _write(options, titles, HeldOutFilter(sentences))


def _write(options: argparse.Namespace, titles: set[str], held_out: HeldOutFilter) -> None:
    options.output.mkdir(parents=True, exist_ok=True)
    random = Random(0)
    count = {"books": 0}
    files = {}
    found = list(documents(options.sources))
    random.shuffle(found)
    for document in found[:: options.every]:
        name = set_of(document)
        most = options.words if name == "books" else HELD_OUT_WORDS if "held" in name else 10**9
        if count.get(name, 0) >= most or (
            document.kind == "speeches" and document.year < FIRST_YEAR
        ):
            continue
        if document.kind == "books" and any(
            _key(part) in titles
            for part in (document.title, document.title.partition("_")[2])
            if part
        ):
            continue
        paragraphs = document.paragraphs()
        parts = [paragraphs]
        if document.kind == "books":
            parts = list(stretches(paragraphs, STRETCHES, STRETCH_PARAGRAPHS, random))
        elif document.kind == "dialogue":  # many of them are much alike
            parts = [paragraphs[: len(paragraphs) // 2]]
        if name not in files:
            files[name] = (options.output / f"{name}.txt").open("w", encoding="utf-8")
        for part in parts:
            for line in lines(part, held_out):
                files[name].write(line + "\n")
                count[name] = count.get(name, 0) + line.count(" ") + 1
            files[name].write("\n")
    for name, file in files.items():
        file.close()
        print(f"{name}: {count[name]:,} words")


if __name__ == "__main__":
    main()
