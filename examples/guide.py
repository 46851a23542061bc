"""Apple's page "Converting a TensorFlow 1 DeepSpeech Model", step by step, beside streamer's way.

    python examples/guide.py STATIC.pb DYNAMIC.pb [RECORDING]

STATIC.pb and DYNAMIC.pb are DeepSpeech's exports with 16 steps and with any number. Every step
is done twice: as the page does it, with TensorFlow and coremltools, and as streamer does it, with
neither TensorFlow nor a Mac. Where the two differ, a line says why. The page is at
https://apple.github.io/coremltools/docs-guides/source/convert-tensorflow-1-deepspeech-model.html
"""

import sys
import tempfile
from pathlib import Path

import coremltools as ct
import numpy as np
import soundfile
import tensorflow as tf

from streamer.bundle import bundled_folder
from streamer.convert import read_network
from streamer.convert.check.factory import create_evaluator
from streamer.convert.coreml import open_model, write_coreml
from streamer.convert.inspection import inspect_model
from streamer.convert.inspection.inspection import explain
from streamer.features import Framer, create_front_end

static_graph, dynamic_graph = Path(sys.argv[1]), Path(sys.argv[2])
recording = sys.argv[3] if len(sys.argv) > 3 else bundled_folder() / "sample.flac"
samples, rate_hz = soundfile.read(recording, dtype="float32")
assert rate_hz == 16_000, "this example does not resample"
folder = Path(tempfile.mkdtemp())
weights = read_network(static_graph)
alphabet = weights.description["alphabet"]


def load_graph(path: Path) -> tf.compat.v1.GraphDef:
    """Read a frozen graph. The page gives coremltools the path, which TensorFlow 2 refuses."""
    graph = tf.compat.v1.GraphDef()
    graph.ParseFromString(path.read_bytes())
    return graph


def predictor(path: Path):
    """Return a model's predict: Core ML's own on a Mac, an evaluation in NumPy elsewhere."""
    if sys.platform == "darwin":
        return ct.models.MLModel(str(path)).predict
    return create_evaluator(open_model(path)).predict


def letters(probabilities: np.ndarray, last: int = -1) -> tuple[str, int]:
    """Return the best path's letters and last label; the page has a scorer and a beam search."""
    text = ""
    for label in probabilities.argmax(axis=1):
        if label not in (last, len(alphabet)):  # neither a repetition nor the blank
            text += alphabet[label]
        last = label
    return text, last


print("1. Which outputs has the graph?")
graph = load_graph(static_graph)
read = {source.split(":")[0].lstrip("^") for node in graph.node for source in node.input}
ends = [n.name for n in graph.node if n.name not in read and n.op not in ("Const", "Placeholder")]
print("   page:    ", *ends)
print("   streamer:", *(tensor.name for tensor in inspect_model(static_graph).outputs))

print("2. Strip the features (mfccs) by naming the other outputs, and convert")
OUTPUTS = ["logits", "new_state_c", "new_state_h"]
page_file = folder / "page.mlmodel"
ct.convert(
    graph, source="tensorflow", outputs=OUTPUTS, convert_to="neuralnetwork", skip_model_load=True
).save(str(page_file))
our_file = write_coreml(weights, folder / "ours.mlpackage", steps=16, precision="fp32")
for name, file in (("page:    ", page_file), ("streamer:", our_file)):
    operations = inspect_model(file).operations
    loop = "a loop" if "loop" in operations else "no loop"
    print(f"   {name} {sum(operations.values())} operations, {loop}")
print("   why: streamer builds the network itself, so that the LSTM is no loop with gather and")
print("   scatter, which the Neural Engine does not run.")

print("3. Loop over 16 steps, passing the states on")
front_end = create_front_end(dict(weights.description["front_end"]))
framer = Framer(front_end, 16, weights.n_context)
windows = [*framer.feed(samples), *framer.finish()]
mfccs = np.concatenate([w.features[:, : w.n] for w in windows], axis=1)  # (1, time, 19, 26)
zeros = np.zeros((1, weights.n_hidden), np.float32)

predict = predictor(page_file)
start, step, max_time_steps = 0, 16, mfccs.shape[1]
logits_sequence = []
inputs = {
    "input_lengths": np.array([step], np.float32),
    "previous_state_c": zeros,
    "previous_state_h": zeros,
}
while start + step < max_time_steps:
    inputs["input_node"] = mfccs[:, start : start + step]
    found = predict(inputs)
    start += step
    logits_sequence.append(np.reshape(found["logits"], (step, -1)))
    inputs["previous_state_c"] = np.reshape(found["new_state_c"], zeros.shape)
    inputs["previous_state_h"] = np.reshape(found["new_state_h"], zeros.shape)
    page_text, _ = letters(np.concatenate(logits_sequence))  # all of it again
page_rows = np.concatenate(logits_sequence)
print(f"   page:     {len(page_rows)} of {max_time_steps} steps: {page_text}")

predict = predictor(our_file)
text, last = "", -1
c = h = zeros
rows = []
for window in windows:
    found = predict({"input_node": window.features, "previous_state_c": c, "previous_state_h": h})
    c, h = found["new_state_c"], found["new_state_h"]
    rows.append(np.reshape(found["logits"], (16, -1))[: window.n])  # the rest is padding
    more, last = letters(rows[-1], last)  # only the new steps
    text += more
our_rows = np.concatenate(rows)
print(f"   streamer: {len(our_rows)} of {max_time_steps} steps: {text}")
print("   why: the page's condition leaves out the last, shorter window; padded, it is heard too.")
print("   why: the page decodes all steps again in each round, which takes longer and longer.")

print("4. The dynamic graph: a whole recording in one call")
time = ct.RangeDim(1, -1, 16)  # the page leaves it out; programs would then take 1 or 2 steps
dynamic_file = folder / "dynamic.mlmodel"
ct.convert(
    load_graph(dynamic_graph),
    source="tensorflow",
    inputs=[ct.TensorType("input_node", shape=(1, time, *mfccs.shape[2:]))],
    outputs=OUTPUTS,
    convert_to="neuralnetwork",
    skip_model_load=True,
).save(str(dynamic_file))
found = predictor(dynamic_file)(
    {
        "input_node": mfccs,
        "input_lengths": np.array([max_time_steps], np.float32),
        "previous_state_c": zeros,
        "previous_state_h": zeros,
    }
)
whole_rows = np.reshape(found["logits"], (max_time_steps, -1))
print(f"   page:     {len(whole_rows)} of {max_time_steps} steps: {letters(whole_rows)[0]}")
for name, file in (("static", page_file), ("dynamic", dynamic_file)):
    words = "; ".join(how for _, how in explain(inspect_model(file)))
    print(f"   streamer inspect, {name} model: {words}")

print("5. From the dynamic graph to a static model")
fixed_file = folder / "fixed.mlmodel"
ct.convert(
    load_graph(dynamic_graph),
    source="tensorflow",
    inputs=[ct.TensorType("input_node", shape=(1, 16, *mfccs.shape[2:]))],
    outputs=OUTPUTS,
    convert_to="neuralnetwork",
    skip_model_load=True,
).save(str(fixed_file))
ours_fixed = write_coreml(read_network(dynamic_graph), folder / "fixed.mlpackage", steps=16)
for name, file in (("page:    ", fixed_file), ("streamer:", ours_fixed)):
    shapes = {tensor.name: tensor.shape for tensor in inspect_model(file).inputs}
    print(f"   {name} input_node ({shapes['input_node']})")
print("   why: streamer takes the weights only, so any graph gives a model of any number of steps.")

for name, other in (("page's loop", page_rows), ("one call", whole_rows)):
    error = np.abs(our_rows[: len(other)] - other).max()
    print(f"largest difference from the {name}: {error:.1e}")
