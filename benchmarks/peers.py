"""DeepSpeech, Coqui STT and streamer on the same large network, in turn: time a window, and ratios.

    python -m benchmarks.peers REFERENCE [--hidden 2048] [--rounds 3] [--python PYTHON3.9]

REFERENCE is a folder with a static graph that DeepSpeech 0.9 exported and the TensorFlow Lite file
of the same network (``*_static.pb``, ``*.tflite``). Both are enlarged to the number of units, with
the same random weights: the time does not depend on their values. ``--pbmm`` and ``--tflite`` take
real ones instead.

Engines run one after the other, each in a process of its own on one processor, ``--rounds`` times:
the bundled recording in blocks of 20 ms, features and best path or beam 1 included, no language
model. Counted is processor time, so that other programs disturb little. The clients' Python is 3.9;
their environments are made in ``--environments`` and used again. What cannot be had is skipped,
with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from streamer.convert import convert_to_bundle, read_network
from streamer.convert.check.check_inputs import find_recording, read_samples
from streamer.convert.writers.onnx import quantise_onnx
from tests.support.models.graphs import (
    packaged_graph,
    resized_graph,
    rewrite_constants,
    tensorflow_names,
)

#: Packages of each environment.
ENVIRONMENTS: Mapping[str, tuple[str, ...]] = {
    "deepspeech": ("deepspeech==0.9.3", "numpy<2"),
    "stt": ("stt==1.4.0", "numpy<2"),
    # Its FlatBuffers schema only.
    "schema": ("--no-deps", "ai-edge-litert", "flatbuffers", "numpy"),
}
WINDOW_S = 0.32

CLIENT = """
import importlib, json, sys, time, wave
import numpy as np
module, network, recording = sys.argv[1:]
model = importlib.import_module(module).Model(network)
model.setBeamWidth(1)
with wave.open(recording) as file:
    samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
def run():
    stream = model.createStream()
    for start in range(0, len(samples), 320):
        stream.feedAudioContent(samples[start : start + 320])
    return stream.finishStream()
run()
before = time.process_time()
run()
print(json.dumps(time.process_time() - before))
"""

OURS = """
import json, sys, time, wave
import numpy as np
from pathlib import Path
from streamer.acoustic.onnx_model import OnnxAcousticModel
from streamer.bundle import read_bundle
from streamer.decoding import create_decoder, read_alphabet
from streamer.features import Framer
folder, network, recording = sys.argv[1:]
bundle = read_bundle(Path(folder))
model = OnnxAcousticModel(network, threads=1)
decoder = create_decoder("greedy", read_alphabet(bundle.alphabet_path))
with wave.open(recording) as file:
    ints = np.frombuffer(file.readframes(file.getnframes()), np.int16)
samples = ints.astype(np.float32) / 32768
def run():
    framer = Framer(bundle.front_end(), model.n_steps, model.n_context)
    state = model.initial_state()
    decoder.reset()
    blocks = [framer.feed(samples[k : k + 320]) for k in range(0, len(samples), 320)]
    for window in [w for block in blocks for w in block] + framer.finish():
        rows, state = model.infer(window.features, window.n, state)
        decoder.feed(rows)
    return decoder.finish().text
run()
before = time.process_time()
run()
print(json.dumps(time.process_time() - before))
"""

#: Enlarges a TensorFlow Lite file of 64 units.
RESIZE = """
import sys
import flatbuffers, numpy as np
from ai_edge_litert import schema_py_generated as schema
source, target, n_hidden = sys.argv[1], sys.argv[2], int(sys.argv[3])
random = np.random.default_rng(0)
model = schema.ModelT.InitFromPackedBuf(open(source, "rb").read(), 0)
sizes = {64: n_hidden, 128: 2 * n_hidden, 256: 4 * n_hidden}
def resized(values):
    return np.array([sizes.get(int(n), int(n)) for n in values], np.int32)
done = set()
for graph in model.subgraphs:
    for tensor in graph.tensors:
        old = tensor.shape
        if old is None:
            continue
        tensor.shape = resized(old)
        if tensor.shapeSignature is not None:
            tensor.shapeSignature = resized(tensor.shapeSignature)
        scales = None if tensor.quantization is None else tensor.quantization.scale
        if scales is not None and list(old) != list(tensor.shape):
            tensor.quantization.scale = np.float32(scales) * np.float32(np.sqrt(64 / n_hidden))
        buffer = model.buffers[tensor.buffer]
        if buffer.data is None or len(buffer.data) == 0 or tensor.buffer in done:
            continue
        done.add(tensor.buffer)
        raw = np.asarray(buffer.data, np.uint8).tobytes()
        if tensor.type == schema.TensorType.INT32:
            values = resized(np.frombuffer(raw, np.int32))
        elif list(old) == list(tensor.shape):
            continue
        elif tensor.type == schema.TensorType.INT8:
            values = random.integers(-127, 128, tensor.shape, np.int8)
        else:
            values = np.resize(np.frombuffer(raw, np.float32), tensor.shape)
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    for operation in graph.operators:
        shape = getattr(operation.builtinOptions, "newShape", None)
        if shape is not None:
            operation.builtinOptions.newShape = resized(shape)
builder = flatbuffers.Builder(1 << 20)
builder.Finish(model.Pack(builder), b"TFL3")
open(target, "wb").write(builder.Output())
"""


class Skipped(Exception):
    """What cannot be had, and why."""


def environment(name: str, folder: Path, python: str | None) -> str:
    """Return the Python of an environment, made if it is not there.

    Raises:
        Skipped: there is no Python 3.9, or a package cannot be installed.
    """
    made = folder / name
    ready = made / "ready"
    inner = str(made / "bin" / "python")
    if ready.exists():
        return inner
    if python is None:
        raise Skipped("no Python 3.9: name one with --python")
    shutil.rmtree(made, ignore_errors=True)
    subprocess.run([python, "-m", "venv", str(made)], check=True)
    done = subprocess.run(
        [inner, "-m", "pip", "install", "--quiet", *ENVIRONMENTS[name]],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Skipped(f"{ENVIRONMENTS[name][0]} cannot be installed: {done.stderr.strip()[-200:]}")
    ready.touch()
    return inner


def on_one_processor(command: list[str]) -> float:
    """Run a program on one processor; return the number that it prints."""

    def pin() -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=pin, check=False)
    # DeepSpeech goes on after an error, and takes no time at all.
    if done.returncode or "Error running session" in done.stderr:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1][:200]
        raise Skipped(f"failed with {done.returncode}: {last}")
    return float(json.loads(done.stdout.strip().splitlines()[-1]))


def make_networks(reference: Path, n_hidden: int, work: Path, schema: str | None) -> list[Path]:
    """Write a large .pbmm and, with the same weights, a .tflite; the latter needs a schema."""
    graph = next(reference.glob("*_static.pb")).read_bytes()
    large = resized_graph(graph, n_hidden)
    found = []
    if schema is not None:
        lite = work / "network.tflite"
        template = next(reference.glob("*.tflite"))
        command = [schema, "-c", RESIZE, str(template), str(lite), str(n_hidden)]
        subprocess.run(command, check=True)
        arrays = tensorflow_names(read_network(lite))

        def change(name: str, array: Any) -> Any:
            return np.ascontiguousarray(arrays[name]) if name in arrays else array

        large = rewrite_constants(large, change)
        found = [lite]
    mapped = work / "network.pbmm"
    mapped.write_bytes(packaged_graph(large))
    return [mapped, *found]


def main() -> int:
    """Make the networks, run each engine in turn, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("reference", type=Path, nargs="?", help="folder with *_static.pb, *.tflite")
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", default=shutil.which("python3.9"), help="a Python 3.9")
    parser.add_argument("--environments", type=Path, default=Path("build/peers"))
    parser.add_argument("--pbmm", type=Path, help="a network of DeepSpeech's own")
    parser.add_argument("--tflite", type=Path, help="the same for TensorFlow Lite")
    parser.add_argument("--seconds", type=float, default=12.0)
    known = parser.parse_args()
    if (known.reference is None) == (known.pbmm is None):
        parser.error("give either REFERENCE or --pbmm")
    places: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for name in ENVIRONMENTS:
        try:
            places[name] = environment(name, known.environments.resolve(), known.python)
        except Skipped as reason:
            reasons[name] = str(reason)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        pbmm, tflite = known.pbmm, known.tflite
        if pbmm is None:
            made = make_networks(known.reference, known.hidden, work, places.get("schema"))
            pbmm, tflite = made[0], made[1] if len(made) > 1 else None
        samples = read_samples(find_recording(), 16000, known.seconds)
        recording = work / "recording.wav"
        soundfile.write(recording, samples, 16000, subtype="PCM_16")
        bundle = convert_to_bundle(pbmm, work / "bundle", name="ours", formats=["onnx"])
        networks = {"float32": bundle.networks["onnx"], "int8": bundle.folder / "int8.onnx"}
        quantise_onnx(networks["float32"], networks["int8"])
        ours = [sys.executable, "-c", OURS, str(bundle.folder)]
        commands = {f"streamer, {name}": [*ours, str(path)] for name, path in networks.items()}
        clients = {"deepspeech": ("deepspeech 0.9.3, beam 1", pbmm)}
        clients["stt"] = ("stt 1.4.0, tflite, beam 1", tflite)
        for module, (title, network) in clients.items():
            if module not in places:
                print(f"{title}: skipped, {reasons[module]}")
            elif network is None:
                print(f"{title}: skipped, no .tflite ({reasons.get('schema', 'see --tflite')})")
            else:
                commands[title] = [places[module], "-c", CLIENT, module, str(network)]
        times: dict[str, list[float]] = {title: [] for title in commands}
        for _ in range(known.rounds):
            for title, command in commands.items():
                if title not in times:
                    continue
                try:
                    times[title].append(on_one_processor([*command, str(recording)]))
                except Skipped as reason:
                    print(f"{title}: skipped, {reason}")
                    del times[title]
    n_windows = len(samples) / 16000 / WINDOW_S
    base = min(times.get(clients["deepspeech"][0], [float("nan")]))
    print(f"{bundle.n_hidden} units, {len(samples) / 16000:.1f} s, one processor, ms a window")
    for title, found in sorted(times.items(), key=lambda item: -min(item[1])):
        spread = " ".join(f"{1000 * each / n_windows:.1f}" for each in found)
        print(f"{title:26} {spread:24} best / deepspeech's best {min(found) / base:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
