"""Reading data sets: recordings and their transcripts.

Four formats are supported and detected:

* a TSV with the columns ``path`` and ``transcript`` (``speaker`` and ``corpus`` if known);
* Common Voice: a TSV with ``path`` and ``sentence``, recordings in ``clips/`` beside the file;
* DeepSpeech: a CSV with ``wav_filename`` and ``transcript``;
* LibriSpeech: a folder with ``*.trans.txt`` files somewhere below it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streamer.errors import StreamerError
from streamer.training.language.normalisation import normalise


@dataclass(frozen=True)
class Clip:
    """A recording and its transcript.

    Attributes:
        path: the recording.
        transcript: normalised: a-z, apostrophe and single spaces.
        speaker: identifier of the speaker, or "".
        corpus: name of the collection.
    """

    path: Path
    transcript: str
    speaker: str
    corpus: str


def read_data_set(where: Path, audio_root: Path | None = None) -> list[Clip]:
    """Read a manifest or a folder in one of the four formats.

    Args:
        where: a TSV or CSV file, or a LibriSpeech folder.
        audio_root: folder that relative paths in a manifest start from; the manifest's own
            if None.

    Returns:
        The clips in the manifest's order; those with empty transcripts are left out.

    Raises:
        StreamerError: it is missing, or its format is not known.
    """
    if where.is_dir():
        clips = list(_read_librispeech(where))
        if not clips:
            raise StreamerError(
                f"{where}: no *.trans.txt below this folder", "name a LibriSpeech folder or a TSV"
            )
        return clips
    if not where.is_file():
        raise StreamerError(f"{where}: no such file or folder", "check the name of the data set")
    try:
        return list(_read_table(where, audio_root or where.parent))
    except (UnicodeDecodeError, csv.Error) as error:
        raise StreamerError(f"{where}: {error}", "use a UTF-8 TSV or CSV") from error


def _read_table(where: Path, root: Path) -> Iterator[Clip]:
    with where.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline().rstrip("\r\n")
        tabs = "\t" in header
        columns = next(csv.reader([header], delimiter="\t" if tabs else ","), [])
        if "wav_filename" in columns and "transcript" in columns:
            path_column, text_column, folder = "wav_filename", "transcript", root
        elif "path" in columns and "transcript" in columns:
            path_column, text_column, folder = "path", "transcript", root
        elif "path" in columns and "sentence" in columns:
            path_column, text_column, folder = "path", "sentence", root / "clips"
        else:
            raise StreamerError(
                f"{where}: the first line names neither path and transcript, path and sentence, "
                "nor wav_filename and transcript",
                "add a first line with the names of the columns",
            )
        # Common Voice does not quote fields: quotation marks belong to the sentence.
        plain = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        rows = plain if tabs else csv.reader(file)
        for number, values in enumerate(rows, 2):
            row = dict(zip(columns, values))
            if path_column not in row or text_column not in row:
                raise StreamerError(
                    f"{where}: line {number} has too few columns", "fix or remove that line"
                )
            transcript = normalise(row[text_column])
            if transcript:
                speaker = row.get("speaker") or row.get("client_id") or ""
                corpus = row.get("corpus") or where.stem
                yield Clip(folder / row[path_column], transcript, speaker, corpus)


def _read_librispeech(where: Path) -> Iterator[Clip]:
    for book in sorted(where.rglob("*.trans.txt")):
        for line in book.read_text(encoding="utf-8").splitlines():
            name, _, sentence = line.partition(" ")
            transcript = normalise(sentence)
            if transcript:
                yield Clip(book.parent / f"{name}.flac", transcript, name.split("-")[0], where.name)
