"""Transcribe samples that your program captures itself, in blocks of any size.

python examples/feed_samples.py [RECORDING]
"""

import sys

import soundfile

from streamer import Final, Transcriber
from streamer.bundle import bundled_folder

recording = sys.argv[1] if len(sys.argv) > 1 else bundled_folder() / "sample.flac"

with Transcriber() as transcriber, soundfile.SoundFile(recording) as file:
    assert file.samplerate == 16_000, "feed takes 16 kHz"
    for block in file.blocks(blocksize=512, dtype="float32", always_2d=True):
        for event in transcriber.feed(block.mean(axis=1)):
            if isinstance(event, Final):
                print(event.text)
    for event in transcriber.finish():
        if isinstance(event, Final):
            print(event.text)
