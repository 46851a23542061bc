"""Records a speaker reading sentences: a folder of recordings with a manifest beside them."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Callable

import numpy as np
import soundfile

from streamer.arrays import FloatArray
from streamer.audio.sources.source import Source
from streamer.errors import AudioError
from streamer.private_files import make_private_folder, write_private_file
from streamer.training.data.manifests import Clip, read_data_set

#: Name of the manifest in the folder; `streamer train` reads it as well.
MANIFEST = "recordings.tsv"
_HEADER = "path\ttranscript\n"
RATE_HZ = 16_000
#: Shorter than this, nobody has read a sentence.
_SHORTEST_S = 0.7
#: A recording whose loudest sample is below this has no voice in it (-46 dBFS).
_QUIETEST = 0.005


def recorded(folder: Path) -> list[Clip]:
    """Return what is in a folder of recordings; [] if there is none yet."""
    manifest = folder / MANIFEST
    return read_data_set(manifest) if manifest.is_file() else []


def record_sentences(
    folder: Path,
    sentences: Sequence[str],
    open_microphone: Callable[[], Source],
    ask: Callable[[str], str],
    say: Callable[[str], None],
) -> list[Clip]:
    """Let somebody read sentences that are not in the folder yet.

    Each is written as soon as it was read, so an interruption loses one at most.

    Args:
        folder: of the recordings; created for its owner only.
        sentences: what to read.
        open_microphone: makes a source.
        ask: shows a line and waits for Enter; returns what was typed.
        say: shows a line.

    Returns:
        All recordings of the folder.

    Raises:
        AudioError: the microphone cannot be opened or read.
    """
    make_private_folder(folder)
    done = len(recorded(folder))
    for number, sentence in enumerate(sentences[done:], done + 1):
        say(f"\n{number} of {len(sentences)}:  {sentence}")
        if ask("Enter, then read it aloud (q ends)").strip().lower() == "q":
            break
        samples = _take(open_microphone, ask, say)
        name = f"{number:03}.flac"
        _keep(folder, name, samples, sentence)
    return recorded(folder)


def _keep(folder: Path, name: str, samples: FloatArray, sentence: str) -> None:
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, RATE_HZ, format="FLAC", subtype="PCM_16")
    write_private_file(folder / name, encoded.getvalue())
    manifest = folder / MANIFEST
    lines = manifest.read_text(encoding="utf-8") if manifest.is_file() else _HEADER
    write_private_file(manifest, f"{lines}{name}\t{sentence}\n".encode())


def _take(
    open_microphone: Callable[[], Source], ask: Callable[[str], str], say: Callable[[str], None]
) -> FloatArray:
    """Return one reading, again until there is a voice in it."""
    while True:
        samples = _record(open_microphone(), lambda: ask("speak - Enter when you have finished"))
        if len(samples) < _SHORTEST_S * RATE_HZ:
            say("that was too short")
        elif float(np.abs(samples).max()) < _QUIETEST:
            say("nothing was heard: is the microphone muted, or the wrong one?")
        else:
            return samples
        ask("Enter, then read it again")


def _record(source: Source, wait: Callable[[], object]) -> FloatArray:
    """Return what a source delivers until ``wait`` returns."""
    blocks: list[FloatArray] = []
    failed: list[AudioError] = []

    def read() -> None:
        try:
            while (block := source.read()) is not None:
                blocks.append(block)
        except AudioError as error:
            failed.append(error)

    source.open(RATE_HZ)
    reader = threading.Thread(target=read, name="recording", daemon=True)
    try:
        reader.start()
        wait()
    finally:
        source.stop()
        reader.join()
        source.close()
    if failed:
        raise failed[0]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
