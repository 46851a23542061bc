"""The texts and sizes of the bundled model's scorer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from streamer.decoding import Alphabet
from streamer.training.data.manifests import read_data_set
from streamer.training.language.held_out import HeldOut
from streamer.training.language.prompts import prompts
from streamer.training.language.scorer import ScorerRecipe, open_text

ALPHABET = Alphabet(" abcdefghijklmnopqrstuvwxyz'")
#: How often kinds of text count: spoken style is rarer than books and nearer to use.
WEIGHTS = {"speeches": 3, "dialogue": 4, "prompts": 2, "transcripts": 8}
#: Sizes of the bundled scorer.
SCORER = ScorerRecipe(vocabulary=80_000, lexicon=50_000, minimum_counts=(0, 2, 6, 9))
N_PROMPTS = 250_000
#: The same weights for the recurrent language model, and how long it learns.
RECURRENT_WEIGHTS = {"speeches": 2, "dialogue": 3, "prompts": 2, "transcripts": 8}
RECURRENT_MINUTES = 60.0
#: Hours of synthetic speech, and how often a kind of text is read in it; others once, those that
#: are no texts (made-up prompts, what the recordings say) never.
SYNTHETIC_HOURS = 3.1
READ_ALOUD = {"books": 5, "prompts": 0, "transcripts": 0}
#: How the network is trained, as options of ``streamer train``: first to hear at all ...
HEARING = (
    "--width", "512", "--minutes", "100", "--workers", "2", "--batch", "300",
    "--augmentation", "0.4", "--ramp", "1500",
)  # fmt: skip
#: ... then, wider, to tell the right sentence from all others.
SENTENCES = (
    "--width", "640", "--minutes", "170", "--workers", "2", "--batch", "200",
    "--first-batch", "200", "--augmentation", "0.6", "--ramp", "200", "--dropout", "0.2",
    "--muon", "0.01", "--adam", "0.001", "--sentences", "0.9", "--letter-weight", "0.3",
)  # fmt: skip
#: Words worth spelling have been said more than once and are not very long.
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
    """Write the texts of the language model into a folder, without what dev says.

    Args:
        sources: texts of one normalised sentence a line.
        data: folder with ``train.tsv`` and ``dev.tsv``.
        folder: where they go, a file for each source, prompts and transcripts too.
        n_prompts: how many spoken-style sentences are made.

    Returns:
        The files.
    """
    held_out = HeldOut(clip.transcript for clip in read_data_set(data / "dev.tsv"))
    folder.mkdir(parents=True, exist_ok=True)
    files = []

    def write(name: str, lines: Iterator[str]) -> None:
        path = folder / f"{name}.txt"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in held_out.without(lines) if line)
        files.append(path)

    for source in sources:
        with open_text(source) as lines:
            write(source.name.split(".")[0], (" ".join(line.split()) for line in lines))
    write("transcripts", (clip.transcript for clip in read_data_set(data / "train.tsv")))
    spoken = [f for f in files if f.stem in WEIGHTS] or files
    write("prompts", prompts(n_prompts, _words_to_spell(spoken)))
    return files


def texts_to_read(files: Sequence[Path]) -> list[Path]:
    """Return the texts of synthetic speech, each as often as it counts.

    Args:
        files: as of `gather_texts`.
    """
    return [file for file in files for _ in range(READ_ALOUD.get(file.stem, 1))]
