"""Convert a DeepSpeech network to Core ML, then run it window by window, carrying its state.

    python examples/convert_and_loop.py [RECORDING]

The steps of Apple's guide to converting DeepSpeech, without TensorFlow. Converting needs
coremltools and works on any system; the loop runs on Core ML on a Mac, ONNX Runtime elsewhere.
"""

import sys
from pathlib import Path

import soundfile

from streamer.bundle import bundled_folder
from streamer.convert import read_network
from streamer.convert.coreml import write_coreml
from streamer.engine.model_loader import ModelChoice, load_model
from streamer.errors import StreamerError
from streamer.features import Framer

recording = sys.argv[1] if len(sys.argv) > 1 else bundled_folder() / "sample.flac"
samples, rate_hz = soundfile.read(recording, dtype="float32")
assert rate_hz == 16_000, "this example does not resample"

loaded = load_model(ModelChoice("english"))
try:
    network = read_network(loaded.bundle.networks["numpy"])  # or a .pb, .pbmm, .tflite
    print("converted:", write_coreml(network, Path("english.mlpackage"), precision="fp16"))
except StreamerError as error:
    print("not converted:", error)

front_end, model, decoder = loaded.stages.front_end, loaded.stages.model, loaded.stages.decoder
framer = Framer(front_end, model.n_steps, model.n_context)
state = model.initial_state()  # c and h, all zeros
for window in [*framer.feed(samples), *framer.finish()]:  # 16 steps each; the last one is padded
    probabilities, state = model.infer(window.features, window.n, state)
    decoder.feed(probabilities)  # only the new steps; nothing is decoded twice
    print(decoder.hypothesis().text)
print("final:", decoder.finish().text)
