"""The process of an engine: ``python -m streamer.finals.worker CHOICE``.

On standard input, an utterance is a line with its number of samples and then the samples,
float32. On standard output, a line of JSON says that the engine is ready, and one answers each
utterance: what `Said.as_json` returns, or ``{"error": ...}``.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import BinaryIO

import numpy as np

from streamer.finals.choice import FinalsChoice
from streamer.finals.engine import FinalsEngine

#: Below the recogniser, which must keep up with the microphone.
_NICENESS = 5


def main() -> None:
    """Serve one engine until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    # What a library prints is no answer.
    os.dup2(2, 1)
    with contextlib.suppress(OSError, AttributeError):  # Windows has no niceness
        os.nice(_NICENESS)
    choice = FinalsChoice(**json.loads(sys.argv[1]))
    try:
        engine = choice.create()
        engine.load()
    except Exception as error:  # of any library
        _answer(answers, {"error": _one_line(error)})
        return
    _answer(answers, {"ready": True})
    serve(engine, sys.stdin.buffer, answers)


def serve(engine: FinalsEngine, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until they end."""
    while True:
        header = requests.readline()
        if not header:
            return
        size = int(header) * 4
        data = requests.read(size)
        if len(data) < size:
            return
        try:
            said = engine.transcribe(np.frombuffer(data, np.float32))
            _answer(answers, said.as_json())
        except Exception as error:  # of any library
            _answer(answers, {"error": _one_line(error)})


def _answer(answers: BinaryIO, values: object) -> None:
    answers.write(json.dumps(values).encode() + b"\n")
    answers.flush()


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__


if __name__ == "__main__":
    main()
