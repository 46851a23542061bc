"""Compares streamer with DeepSpeech's own client on the same graph and recordings.

    python3.9 benchmarks/original_client.py GRAPH.pb SCORER RECORDING...
        --client-python PYTHON_WITH_DEEPSPEECH [--tensorflow-python PYTHON_WITH_TENSORFLOW]

Run it with Python 3.9 and ds-ctcdecoder installed. The client (deepspeech 0.9.3)
runs under a separate Python and gets each recording in blocks of 20 ms by its
streaming calls. streamer converts the graph without TensorFlow and decodes with
``--decoder ds``, the same beam and the same scorer: the transcripts must be equal.
If a Python with TensorFlow is given, its run of the graph, window by window with
the state passed on, is compared as well. The default decoder is also reported; it
searches differently, so its transcripts may differ.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from streamer.acoustic.numpy_model import NumpyAcousticModel
from streamer.bundle import load_bundle
from streamer.convert import convert_to_bundle, read_network
from streamer.decoding import DecodingSettings, create_decoder, read_alphabet
from streamer.features import Framer
from streamer.models.backends import load_acoustic_model

#: Samples in a block fed to the original client: 20 ms.
BLOCK_SAMPLES = 320

CLIENT = """
import json, sys
import deepspeech, soundfile
graph, scorer, beam, block, recordings = json.loads(sys.stdin.read())
model = deepspeech.Model(graph)
model.setBeamWidth(beam)
model.enableExternalScorer(scorer)
answers = []
for path in recordings:
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == model.sampleRate() and samples.ndim == 1
    stream = model.createStream()
    for start in range(0, len(samples), block):
        stream.feedAudioContent(samples[start : start + block])
    best = stream.finishStreamWithMetadata(1).transcripts[0]
    answers.append(["".join(token.text for token in best.tokens), best.confidence])
json.dump(answers, open(sys.argv[1], "w"))
"""

TENSORFLOW = """
import json, sys
import numpy as np
import tensorflow as tf
graph_path, folder, n_hidden = json.loads(sys.stdin.read())
graph_def = tf.compat.v1.GraphDef()
graph_def.ParseFromString(open(graph_path, "rb").read())
graph = tf.Graph()
with graph.as_default():
    tf.import_graph_def(graph_def, name="")
fetches = ["logits:0", "new_state_c:0", "new_state_h:0"]
with tf.compat.v1.Session(graph=graph) as session:
    for path in sorted(__import__("pathlib").Path(folder).glob("*.in.npz")):
        data = np.load(path)
        c = h = np.zeros((1, n_hidden), np.float32)
        rows = []
        for window, n in zip(data["windows"], data["n"]):
            feed = {"input_node:0": window, "input_lengths:0": [n]}
            feed.update({"previous_state_c:0": c, "previous_state_h:0": h})
            logits, c, h = session.run(fetches, feed)
            rows.append(logits[:n, 0])
        np.save(str(path).replace(".in.npz", ".out.npy"), np.concatenate(rows))
"""


def run_in(python: str, program: str, question: Any, *arguments: str) -> None:
    """Run a program under another Python, with JSON on its standard input."""
    subprocess.run(
        [python, "-c", program, *arguments],
        input=json.dumps(question),
        text=True,
        check=True,
        stderr=subprocess.DEVNULL,
    )


def agreement(ours: list[str], theirs: list[str]) -> float:
    """Return the share of common words, by the longest common subsequence."""
    row = [0] * (len(theirs) + 1)
    for a in ours:
        before = row[:]
        for k, b in enumerate(theirs, 1):
            row[k] = before[k - 1] + 1 if a == b else max(before[k], row[k - 1])
    return row[-1] / max(len(ours), len(theirs), 1)


def main() -> int:
    """Compare, print, and return 1 if a transcript or a probability differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("graph", type=Path)
    parser.add_argument("scorer", type=Path)
    parser.add_argument("recordings", type=Path, nargs="+", help="mono, 16 kHz")
    parser.add_argument("--client-python", required=True)
    parser.add_argument("--tensorflow-python")
    parser.add_argument("--beam", type=int, default=500)
    parser.add_argument("--default-beam", type=int, default=64)
    arguments = parser.parse_args()
    recordings = [str(path.resolve()) for path in arguments.recordings]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        bundle = convert_to_bundle(
            arguments.graph,
            work / "bundle",
            name="judged",
            scorer=arguments.scorer.resolve(),
            formats=["onnx"],
        )
        bundle = load_bundle(work / "bundle")
        question = [
            str(arguments.graph.resolve()),
            str(arguments.scorer.resolve()),
            arguments.beam,
            BLOCK_SAMPLES,
            recordings,
        ]
        run_in(arguments.client_python, CLIENT, question, str(work / "client.json"))
        client = json.loads((work / "client.json").read_text())
        model = load_acoustic_model(bundle, "onnx")
        alphabet = read_alphabet(bundle.alphabet_path)
        framer = Framer(bundle.front_end(), model.n_steps, model.n_context)
        decoders = {
            "ds": create_decoder(
                "ds", alphabet, bundle.scorer_path, DecodingSettings(beam=arguments.beam)
            ),
            "beam": create_decoder(
                "beam", alphabet, bundle.scorer_path, DecodingSettings(beam=arguments.default_beam)
            ),
        }
        texts: dict[str, list[str]] = {name: [] for name in decoders}
        scores: dict[str, list[float]] = {name: [] for name in decoders}
        ours: list[Any] = []
        for number, path in enumerate(recordings):
            samples, _ = soundfile.read(path, dtype="float32")
            framer.reset()
            windows = []
            for start in range(0, len(samples), BLOCK_SAMPLES):
                windows += framer.feed(samples[start : start + BLOCK_SAMPLES])
            windows += framer.finish()
            state = model.initial_state()
            rows = []
            for window in windows:
                probabilities, state = model.infer(window.features, window.n, state)
                rows.append(np.array(probabilities))
            ours.append(np.concatenate(rows))
            np.savez(
                work / f"{number:04}.in.npz",
                windows=np.stack([w.features for w in windows]),
                n=np.array([w.n for w in windows], np.int32),
            )
            for name, decoder in decoders.items():
                decoder.reset()
                for chunk in rows:
                    decoder.feed(chunk)
                result = decoder.finish()
                texts[name].append(result.text)
                scores[name].append(result.score)
        reference = NumpyAcousticModel(read_network(arguments.graph), model.n_steps)
        state = reference.initial_state()
        rows = []
        data = np.load(work / "0000.in.npz")
        for window, n in zip(data["windows"], data["n"]):
            probabilities, state = reference.infer(window, int(n), state)
            rows.append(np.array(probabilities))
        numpy_error = float(np.abs(np.concatenate(rows) - ours[0]).max())
        errors: list[float] = []
        if arguments.tensorflow_python:
            question = [str(arguments.graph.resolve()), str(work), model.n_hidden]
            run_in(arguments.tensorflow_python, TENSORFLOW, question)
            errors = [
                float(np.abs(np.load(work / f"{k:04}.out.npy") - ours[k]).max())
                for k in range(len(recordings))
            ]
    print("same  default  score (client / ds)     client's transcript")
    same = 0
    near = []
    for number, (text, score) in enumerate(client):
        text = text.rstrip()  # the client keeps the space after the last word
        equal = text == texts["ds"][number]
        same += equal
        near.append(agreement(texts["beam"][number].split(), text.split()))
        both = f"{score:10.3f} / {scores['ds'][number]:10.3f}"
        print(f"{'yes' if equal else 'NO ':4}  {near[-1]:6.1%}  {both}  {text[:60]}")
        if not equal:
            print(f"      ours: {texts['ds'][number]}")
    print(f"\n{same} of {len(client)} transcripts equal the client's (beam {arguments.beam})")
    wide = arguments.default_beam
    print(f"default decoder (beam {wide}): {np.mean(near):.1%} of the words agree")
    print(f"probabilities, ONNX against NumPy: {numpy_error:.2e}")
    if errors:
        print(f"probabilities, ONNX against TensorFlow: {max(errors):.2e} at most")
    return int(same != len(client) or max([*errors, numpy_error]) > 1e-4)


if __name__ == "__main__":
    sys.exit(main())
