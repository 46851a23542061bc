"""Synthetic speech for training: many speakers say sentences of given texts.

    python -m streamer.training.synthesis TEXT... -o FOLDER --model KOKORO.onnx --voices VOICES

Sentences are chosen for coverage: of several drawn at random, the one whose word pairs are common
in the texts and have been said least. Sentences of ``--held-out`` data sets are never said. Each
sentence has a speaker of its own, a mixture of up to three of Kokoro's voices with a random tempo
and vocal tract length. FOLDER gets FLAC files and ``train.tsv``, a data set for ``streamer
train``. The same command resumes an interrupted run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from streamer.errors import StreamerError
from streamer.training.synthesis.recordings import synthesise


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "texts", nargs="+", type=Path, help="one sentence per line, .txt or .txt.xz"
    )
    parser.add_argument("--output", "-o", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--model", type=Path, required=True, help="Kokoro's 8-bit ONNX file")
    parser.add_argument("--voices", type=Path, required=True, help="folder of voices, NAME.bin")
    parser.add_argument("--hours", type=float, default=8.0, help="hours of speech (8)")
    parser.add_argument("--processes", type=int, default=2, help="number of processes (2)")
    parser.add_argument("--seed", type=int, default=1, help="random seed (1)")
    parser.add_argument(
        "--held-out", type=Path, action="append", default=[], metavar="MANIFEST",
        help="data set whose sentences are never said; may be repeated",
    )  # fmt: skip
    known = parser.parse_args(arguments)
    try:
        manifest = synthesise(
            known.texts, known.output, known.model, known.voices,
            known.hours, known.processes, known.seed, known.held_out,
        )  # fmt: skip
    except StreamerError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; the same command resumes", file=sys.stderr)
        return 130
    print(manifest)
    return 0


if __name__ == "__main__":
    sys.exit(main())
