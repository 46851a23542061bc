"""Texts of the bundled model's language models and synthetic speech."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from streamer.training.data.manifests import read_data_set
from streamer.training.english.recipe import N_PROMPTS, READ_ALOUD, WEIGHTS
from streamer.training.language.held_out import HeldOutFilter
from streamer.training.language.prompts import prompts
from streamer.training.language.scorer import open_text

#: Lengths of words that are spelled out in prompts.
SPELLABLE = range(3, 12)


def _words_to_spell(texts: Sequence[Path]) -> list[str]:
    counts: Counter[str] = Counter()
    for path in texts:
        with open_text(path) as lines:
            for line in lines:
                counts.update(line.split())
    return sorted(w for w, n in counts.items() if n > 1 and len(w) in SPELLABLE)


def gather_texts(
    sources: Sequence[Path], data: Path, folder: Path, n_prompts: int = N_PROMPTS
) -> list[Path]:
    """Write the language models' texts into a folder, without sentences of dev.

    Args:
        sources: texts of one normalised sentence a line.
        data: folder with ``train.tsv`` and ``dev.tsv``.
        folder: output folder: a file for each source, for prompts and for transcripts.
        n_prompts: number of prompts.

    Returns:
        The files.
    """
    held_out = HeldOutFilter(clip.transcript for clip in read_data_set(data / "dev.tsv"))
    folder.mkdir(parents=True, exist_ok=True)
    files = []

    def write(name: str, lines: Iterator[str]) -> None:
        path = folder / f"{name}.txt"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in held_out.filter(lines) if line)
        files.append(path)

    for source in sources:
        with open_text(source) as lines:
            write(source.name.split(".")[0], (" ".join(line.split()) for line in lines))
    write("transcripts", (clip.transcript for clip in read_data_set(data / "train.tsv")))
    spoken_style = [f for f in files if f.stem in WEIGHTS] or files
    write("prompts", prompts(n_prompts, _words_to_spell(spoken_style)))
    return files


def texts_to_read(files: Sequence[Path]) -> list[Path]:
    """Return the texts of synthetic speech, repeated by their share.

    Args:
        files: as of `gather_texts`.
    """
    return [file for file in files for _ in range(READ_ALOUD.get(file.stem, 1))]
