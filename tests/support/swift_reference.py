"""Arrays that `examples/swift` is compared with, written by the Python of the same steps.

    python -m tests.support.swift_reference FOLDER

See `examples/swift/Tests/StreamerTests/ReferenceTests.swift` for the files.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from streamer.arrays import FloatArray
from streamer.bundle import load_bundle
from streamer.convert.check.check_inputs import find_recording, read_samples
from streamer.decoding.alphabet import read_alphabet
from streamer.decoding.search.greedy import GreedySearch
from streamer.features import DeepSpeechFrontEnd, Framer, create_front_end
from streamer.features.framer import Window
from streamer.models.backends import load_acoustic_model

#: Seconds of the bundled recording that are used.
SECONDS = 4.0


def write_reference(folder: Path) -> str:
    """Write the arrays into a folder and return the letters of the recording."""
    bundle = load_bundle()
    described = dict(bundle.front_end_description)
    plain = {key: value for key, value in described.items() if key != "normalisation"}
    speech = read_samples(find_recording(), bundle.front_end().sample_rate_hz, SECONDS)
    # Digital silence and full scale: the least and the largest energy.
    loud = np.where(np.arange(3000) % 100 < 50, 1.0, -1.0)
    samples = np.concatenate([speech, np.zeros(2000), loud]).astype(np.float32)
    moments = np.random.default_rng(0).uniform(1.0, 10.0, (2, plain["n_coefficients"])).tolist()
    normalisation = {
        "kind": "running",
        "mean": moments[0],
        "deviation": moments[1],
        "prior_vectors": 100.0,
        "window_vectors": 50.0,
    }
    model = {
        "n_steps": bundle.n_steps,
        "n_context": bundle.n_context,
        "n_input": bundle.n_input,
        "n_hidden": bundle.n_hidden,
        "n_labels": bundle.n_labels,
    }
    for name, front_end in (
        ("python_speech_features", plain),
        ("normalised", {**plain, "normalisation": normalisation}),
        ("deepspeech", DeepSpeechFrontEnd().describe()),
    ):
        _write_windows(folder / name, {**model, "front_end": front_end}, samples)
    recognised = folder / "recognised"
    windows = _write_windows(recognised, {**model, "front_end": described}, speech)
    network = load_acoustic_model(bundle, "numpy")
    state = network.initial_state()
    search = GreedySearch(read_alphabet(bundle.alphabet_path))
    answers: dict[str, list[FloatArray]] = {"probabilities": [], "c": [], "h": []}
    for window in windows:
        probabilities, after = network.infer(window.features, bundle.n_steps, state)
        search.feed(probabilities[: window.n])
        for key, array in zip(answers, (probabilities, *after)):
            answers[key].append(array)
        state = after
    for key, arrays in answers.items():
        _write(recognised / f"{key}.f32", np.stack(arrays))
    text = search.candidates(1)[0].text
    (recognised / "text.txt").write_text(text, encoding="utf-8")
    (recognised / "alphabet.txt").write_bytes(bundle.alphabet_path.read_bytes())
    return text


def _write_windows(folder: Path, model: dict[str, Any], samples: FloatArray) -> list[Window]:
    """Write a description, samples and the windows of the framer; return the windows."""
    framer = Framer(create_front_end(model["front_end"]), model["n_steps"], model["n_context"])
    windows = [*framer.feed(samples), *framer.finish()]
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps(model), encoding="utf-8")
    (folder / "lengths.json").write_text(json.dumps([w.n for w in windows]), encoding="utf-8")
    _write(folder / "samples.f32", samples)
    _write(folder / "windows.f32", np.stack([window.features for window in windows]))
    return windows


def _write(path: Path, array: FloatArray) -> None:
    path.write_bytes(array.astype("<f4").tobytes())


if __name__ == "__main__":
    print(write_reference(Path(sys.argv[1])))
