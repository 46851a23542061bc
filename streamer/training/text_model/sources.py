"""Readers of the public collections that the text model is trained with.

Each yields documents: a name, an author or year, and paragraphs in their order. The collections
are folders as their repositories have them:

- ``Gutenberg_Text`` (rcdm-uga/Gutenberg_Text): an author a folder, a book a file
- ``100_english_novels`` (computationalstylistics/100_english_novels): ``corpus/*.txt``
- ``ELTeC-eng`` (COST-ELTeC/ELTeC-eng): ``level1/*.xml``
- speeches (mattdean1/nlp-president-speeches): ``president-speeches/*/*.txt``
- SGD (google-research-datasets/dstc8-schema-guided-dialogue): ``{train,dev,test}/*.json``
- Taskmaster (google-research-datasets/Taskmaster): ``TM-4-2024/data/*.json``
- podcasts (thechangelog/transcripts): ``transcripts/*/*.md``, speech written down by people
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BEGIN = re.compile(r"\*\*\* ?START OF TH[^\n]*\*\*\*")
_END = re.compile(r"\*\*\* ?END OF TH|End of (?:the )?Project Gutenberg")
_PARAGRAPH = re.compile(r"\n\s*\n")
_XML_PARAGRAPH = re.compile(r"<p\b[^>]*>(.*?)</p>", re.S)
_XML_TAG = re.compile(r"<[^>]*>")
_DATE = re.compile(r'<date="[^"]*?(\d{4})')
#: A name before what somebody says, sounds and times, links, stress.
_TURN = re.compile(r"^\*\*[^*]+:\*\*")
_SOUND = re.compile(r"\\?\[[^\]\\]*\\?\](?!\()")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_STRESS = re.compile(r"[*_`\\]+")
#: A sentence that was broken off: another one follows, or nothing.
_BROKEN_OFF = re.compile(r"(?:\.{2,}|…|\s--)(?=\s+\"?[A-Z](?!\b|')|$)")
#: This show is read from a script that has links and quotations.
_NOT_SPOKEN = "news"


@dataclass(frozen=True)
class Document:
    """A book, a speech or a conversation.

    Attributes:
        kind: ``books``, ``speeches``, ``dialogue`` or ``podcasts``.
        title: of the book; elsewhere the name of the file.
        author: of the book; elsewhere who spoke, or the show.
        year: of the speech, 0 where it is not known.
        split: ``train``, or ``test`` where the collection says so.
        path: the file.
    """

    kind: str
    title: str
    author: str
    year: int
    split: str
    path: Path

    def paragraphs(self) -> list[str]:
        """Read the document."""
        text = self.path.read_text(encoding="utf-8", errors="replace")
        if self.path.suffix == ".json":
            return _turns(text)
        if self.path.suffix == ".xml":
            found = (_XML_TAG.sub(" ", p) for p in _XML_PARAGRAPH.findall(text))
            return [html.unescape(paragraph) for paragraph in found]
        if self.kind == "podcasts":
            return [said for said in map(_said, text.split("\n")) if said]
        if self.kind == "speeches":
            return [line for line in text.split("\n") if not line.startswith("<")]
        return _book(text)


def documents(folder: Path) -> Iterator[Document]:
    """Yield all documents below a folder, in the order of their names."""
    for path in sorted(folder.rglob("*")):
        parent = path.parent.name
        if path.suffix == ".xml" and parent == "level1":
            author, _, _ = path.stem.partition("_")[2].partition("_")
            yield Document("books", path.stem, author, 0, "train", path)
        elif path.suffix == ".json" and parent in ("train", "dev", "test", "data"):
            yield Document(
                "dialogue", path.stem, "", 0, parent if parent == "test" else "train", path
            )
        elif path.suffix == ".md":
            if path.parent.parent.name == "transcripts" and parent != _NOT_SPOKEN:
                yield Document("podcasts", path.stem, parent, 0, "train", path)
        elif path.suffix == ".txt" and path.parent.parent.name == "president-speeches":
            found = _DATE.search(path.read_text(encoding="utf-8", errors="replace")[:400])
            year = int(found.group(1)) if found else 0
            yield Document("speeches", path.stem, parent, year, "train", path)
        elif path.suffix == ".txt" and parent == "corpus":
            author, title, *_ = path.stem.split("_")
            yield Document("books", title, author, 0, "train", path)
        elif path.suffix == ".txt":
            yield Document("books", path.stem, parent, 0, "train", path)


def _book(text: str) -> list[str]:
    begin = _BEGIN.search(text)
    if begin:
        if "Language: English" not in text[: begin.start()]:
            return []
        text = text[begin.end() :]
    end = _END.search(text)
    text = text[: end.start()] if end else text
    return [p for p in _PARAGRAPH.split(text) if not _is_verse(p)]


def _is_verse(paragraph: str) -> bool:
    """Whether lines are set one by one: verse, lists, title pages."""
    lines = paragraph.strip("\n").split("\n")
    indented = sum(line.startswith("  ") for line in lines[1:])
    short = len(lines) > 2 and max(len(line) for line in lines[:-1]) < 50
    return short or indented > 1


def _turns(text: str) -> list[str]:
    turns = []
    for dialogue in json.loads(text):
        for turn in dialogue.get("turns") or dialogue.get("utterances") or []:
            turns.append(str(turn.get("utterance") or turn.get("text") or ""))
        turns.append("")
    return turns


def _said(line: str) -> str:
    """Return what is said in a line of a transcript."""
    line = _SOUND.sub(" ", _TURN.sub("", line))
    line = _STRESS.sub("", _LINK.sub(r"\1", html.unescape(line))).strip()
    return _BROKEN_OFF.sub(".", line.replace(" - ", " -- "))
