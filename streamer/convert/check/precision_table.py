"""The table of precisions: size, errors and word error rate of a model in each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from streamer.acoustic.contract import (
    DEFAULT_STEPS,
    LOGITS,
    NEW_C,
    NEW_H,
    OUTPUT_NAMES,
    input_arrays,
)
from streamer.acoustic.weights import Weights
from streamer.arrays import FloatArray
from streamer.convert.check.checker import check_model
from streamer.convert.check.evaluator import Evaluator
from streamer.convert.check.factory import create_evaluator
from streamer.convert.coreml.model_file import open_model
from streamer.convert.coreml.writer import model_path, write_coreml
from streamer.convert.inspection.inspection import size_bytes
from streamer.convert.options import DEFAULT_SHAPES, PRECISIONS
from streamer.decoding import Alphabet, create_decoder
from streamer.errors import ConversionError
from streamer.features import Framer, create_front_end

#: A recording and its text.
Sample = tuple[FloatArray, str]


@dataclass(frozen=True)
class Row:
    """One precision.

    Attributes:
        precision: its name.
        size_bytes: size of the model.
        errors: largest absolute difference from float64 for each output, over the recording.
        passed: whether `check_model` accepts the model.
        wer: word error rate over the sample set; None without one.
    """

    precision: str
    size_bytes: int
    errors: tuple[float, float, float]
    passed: bool
    wer: float | None


def precision_table(
    weights: Weights,
    recording: FloatArray,
    steps: int = DEFAULT_STEPS,
    shape: str = DEFAULT_SHAPES["mlprogram"],
    precisions: Sequence[str] = PRECISIONS,
    samples: Sequence[Sample] = (),
    progress: Callable[[str], None] = lambda what: None,
) -> Iterator[Row]:
    """Write and evaluate a network in each precision.

    Args:
        weights: the network.
        recording: audio for measuring errors, float32 (n,).
        steps: steps in a window.
        shape: ``unrolled``, ``lstm`` or ``stateful``.
        precisions: some of `options.PRECISIONS`.
        samples: recordings with texts, for the word error rate of the best path
            without a language model.
        progress: called with a line about each precision.

    Yields:
        A row a precision.

    Raises:
        ConversionError: see `write_coreml` and `check_model`.
    """
    for precision in precisions:
        progress(f"{precision}: writing and evaluating")
        with tempfile.TemporaryDirectory() as folder:
            path = write_coreml(weights, model_path(folder, "model"), steps, shape, precision)
            size = size_bytes(path)
            report = check_model(path, weights, recording)
            by_output = {d.output: d.error for d in report.differences if d.stream == "audio"}
            wer = None
            if samples:
                file = open_model(path)
                names = {feature.name for feature in file.inputs}
                recognise = _Recogniser(create_evaluator(file), names, weights, steps)
                wer = _word_error_rate(recognise, samples)
        errors = tuple(by_output.get(name, float("nan")) for name in OUTPUT_NAMES)
        yield Row(precision, size, (errors[0], errors[1], errors[2]), report.passed, wer)


class _Recogniser:
    """Recognises recordings with an evaluated model and best-path decoding.

    Args:
        evaluator: the model.
        inputs: names of its inputs.
        weights: the network, for its front end and labels.
        steps: steps in a window.
    """

    def __init__(self, evaluator: Evaluator, inputs: Any, weights: Weights, steps: int) -> None:
        labels = weights.description.get("alphabet")
        if not labels:
            raise ConversionError(
                "the network does not contain its alphabet", "leave out the sample set"
            )
        self._evaluator = evaluator
        self._inputs = inputs
        self._weights = weights
        self._steps = steps
        self._alphabet = Alphabet(list(labels))

    def __call__(self, samples: FloatArray) -> str:
        weights = self._weights
        front_end = create_front_end(
            dict(weights.description.get("front_end") or {"kind": "deepspeech"})
        )
        framer = Framer(front_end, self._steps, weights.n_context)
        n_phonemes = weights.n_labels - weights.groups[0]
        decoder = create_decoder("greedy", self._alphabet, n_phonemes=n_phonemes)
        states = self._evaluator.make_state()
        c = h = np.zeros((1, weights.n_hidden), np.float32)
        for window in [*framer.feed(samples), *framer.finish()]:
            arguments = input_arrays(window.features, window.n, c, h)
            given = {name: arguments[name] for name in self._inputs if name in arguments}
            outputs = self._evaluator.predict(given, states or None)
            if not states:
                c, h = outputs[NEW_C], outputs[NEW_H]
            rows = outputs[LOGITS].reshape(self._steps, -1)[: window.n]
            decoder.feed(rows.astype(np.float32))
        return decoder.finish().text


def _word_error_rate(recognise: Callable[[FloatArray], str], samples: Sequence[Sample]) -> float:
    wrong = words = 0
    for recording, text in samples:
        expected: list[str] = text.split()
        wrong += word_errors(expected, recognise(recording).split())
        words += len(expected)
    return wrong / max(words, 1)


def word_errors(expected: Sequence[str], heard: Sequence[str]) -> int:
    """Return the number of substituted, inserted and deleted words (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(expected, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]
