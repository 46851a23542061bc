"""``streamer doctor``: checks everything that live transcription needs."""

from __future__ import annotations

import platform
import shutil
import sys
import textwrap
from dataclasses import dataclass
from typing import Annotated, Any, Callable, Optional

import typer

from streamer.cli.support.option_groups import with_options
from streamer.cli.support.options import EngineOptions
from streamer.errors import StreamerError
from streamer.printable import printable

#: How long to record from the microphone, in seconds; longer where only zeros come.
LISTEN_S = 1.0

#: Columns of the names of the checks, and of the whole report at most.
NAME_COLUMNS = 16
WIDEST = 100
#: Where the report goes to a file or a pipe, nothing is wrapped.
WIDE = 10_000

#: The newest Python for which coremltools has wheels.
NEWEST_FOR_COREMLTOOLS = (3, 13)


@dataclass(frozen=True)
class Marks:
    """What stands before a line, by its kind."""

    ok: str
    failure: str
    note: str


def choose_marks(encoding: str, depth: int) -> Marks:
    """Return ticks and crosses, coloured where that is possible, or words.

    Args:
        encoding: of standard output.
        depth: number of colours, 0 for none.
    """
    if not encoding.lower().replace("_", "-").startswith("utf"):
        return Marks("ok  ", "FAIL", "note")
    ok, failure, note = "\u2713", "\u2717", "\u00b7"
    if depth:
        return Marks(*(f"\x1b[{c}m{m}\x1b[0m" for c, m in ((32, ok), (31, failure), (2, note))))
    return Marks(ok, failure, note)


class _Report:
    """Prints the report line by line; each check runs even if others fail.

    Args:
        marks: what stands before a line.
        columns: width of the terminal.
        write: prints a line.
    """

    def __init__(self, marks: Marks, columns: int, write: Callable[[str], None]) -> None:
        self.first_todo: Optional[str] = None
        self.failures = 0
        self._marks = marks
        self._columns = (
            WIDE if columns >= WIDE else max(min(columns - 1, WIDEST), NAME_COLUMNS + 20)
        )
        self._write = write

    def check(self, name: str, look: Callable[[], str]) -> bool:
        """Print one line, with what was found or what is wrong; return whether it is ok."""
        try:
            found = look()
        except Exception as error:
            self.failures += 1
            if isinstance(error, StreamerError):
                what, todo = str(error), error.todo
            else:  # a check that crashes is a finding too
                todo = "report this, with the whole output"
                what = f"{type(error).__name__}: {error} - {todo}"
            self.first_todo = self.first_todo or todo
            self._print(self._marks.failure, name, what)
            return False
        self._print(self._marks.ok, name, found)
        return True

    def note(self, name: str, text: str) -> None:
        """Print a line that is neither ok nor a failure."""
        self._print(self._marks.note, name, text)

    def end(self) -> None:
        """Say what to do first."""
        if self.first_todo is None:
            last = "all is well; begin with: streamer"
        else:
            last = f"do this first: {self.first_todo}"
        self._write("")
        for line in textwrap.wrap(printable(last), self._columns, break_on_hyphens=False):
            self._write(f"  {line}")

    def _print(self, mark: str, name: str, text: str) -> None:
        room = self._columns - NAME_COLUMNS - 4
        lines = textwrap.wrap(
            printable(" ".join(text.split())), room, break_on_hyphens=False, break_long_words=False
        )
        first, *rest = lines or [""]
        self._write(f"  {mark} {name:{NAME_COLUMNS}}{first}")
        for line in rest:
            self._write(" " * (4 + NAME_COLUMNS) + line)


@with_options
def doctor(
    engine: EngineOptions,
    device: Annotated[
        Optional[str],
        typer.Option(metavar="NAME|NUMBER", help="Microphone to use; see streamer devices."),
    ] = None,
) -> None:
    """Check microphone, permission, model, backend and decoder; say how to fix problems."""
    from streamer.audio.native_stderr import native_messages_hidden
    from streamer.terminal.drawing.theme import colour_depth
    from streamer.terminal.tty.streams import is_terminal

    shown = sys.stdout is not None and is_terminal(sys.stdout)
    report = _Report(
        choose_marks(getattr(sys.stdout, "encoding", ""), colour_depth() if shown else 0),
        shutil.get_terminal_size().columns if shown else WIDE,
        lambda line: print(line, flush=True),  # nowhere, if standard output is closed
    )
    with native_messages_hidden():
        report.check("python", lambda: f"{platform.python_version()} on {platform.platform()}")
        if report.check("PortAudio", _portaudio) and report.check("devices", _devices):
            report.check("microphone", lambda: _microphone(device))
        report.check("voice activity", _voice_activity)
        _check_model(report, engine)
    missing = coreml_unavailable()
    if missing is not None:
        report.note("Core ML", missing)
    report.end()
    if report.failures:
        raise typer.Exit(1)


def _portaudio() -> str:
    from streamer.audio import portaudio

    return str(portaudio.load().get_portaudio_version()[1])


def _devices() -> str:
    from streamer.audio.devices import find_device, input_devices

    found = input_devices()
    default = find_device(found, None)
    return f"{len(found)} that can record; the default is {default.name}"


def _microphone(wanted: Optional[str]) -> str:
    """Record for a moment: only that shows whether this program may use the microphone.

    A microphone may begin with silence: zeros are no failure before `SILENT_SECONDS`.
    """
    import numpy as np

    from streamer.audio import portaudio
    from streamer.audio.sources.microphone import MicrophoneSource
    from streamer.audio.sources.zeros import SILENT_SECONDS
    from streamer.endpointing.settings import RATE_HZ
    from streamer.engine.level_meter import LevelMeter
    from streamer.errors import DeviceError

    source = MicrophoneSource(wanted)
    blocks: list[Any] = []
    source.open(RATE_HZ)
    try:
        heard, seconds = False, 0.0
        while seconds < LISTEN_S or not (heard or seconds >= SILENT_SECONDS):
            block = source.read()
            if block is None:
                break
            blocks.append(block)
            heard = heard or bool(block.any())
            seconds += len(block) / RATE_HZ
    finally:
        source.close()
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if not samples.any():
        raise DeviceError(
            f'"{source.name}" delivers only zeros: it is muted, or this program may not use it',
            portaudio.privacy_hint(sys.platform),
        )
    meter = LevelMeter()
    meter.feed(samples)
    how = f"{source.opened_rate_hz:g} Hz, {source.opened_channels} channel(s)"
    return f"{source.name}, opened at {how}, level {meter.take().level_dbfs:.0f} dBFS"


def _voice_activity() -> str:
    import numpy as np

    from streamer.endpointing.voice_activity import CHUNK_SAMPLES, VoiceActivity

    (chunk,) = VoiceActivity().feed(np.zeros(CHUNK_SAMPLES, np.float32))
    return f"Silero VAD, speech probability of silence {chunk.probability:.2f}"


def _check_model(report: _Report, engine: EngineOptions) -> None:
    """Check bundle, network and decoder, one line each."""
    found: list[Any] = []

    def model() -> str:
        from streamer.bundle import load_bundle

        bundle = load_bundle(engine.model)
        found.append(bundle)
        return f"{bundle.name} {bundle.version} in {bundle.folder} ({bundle.licence})"

    def backend() -> str:
        import time

        from streamer.models.backends import load_acoustic_model

        (bundle,) = found
        choice = engine.choice()
        network = load_acoustic_model(bundle, choice.backend, choice.compute_units, choice.latency)
        import numpy as np

        shape = (1, network.n_steps, 2 * network.n_context + 1, network.n_input)
        window, state = np.zeros(shape, np.float32), network.initial_state()
        network.infer(window, network.n_steps, state)
        begin_s = time.perf_counter()
        network.infer(window, network.n_steps, state)
        took_ms = (time.perf_counter() - begin_s) * 1000
        return f"{network.backend} on {network.compute_unit}, {took_ms:.1f} ms per window"

    def decoder() -> str:
        from streamer.engine.model_loader import load_decoder

        (bundle,) = found
        made = load_decoder(bundle, engine.choice())
        scorer = bundle.scorer_path.name if bundle.scorer_path else "no language model"
        return f"{made.name}, {scorer}"

    if report.check("model", model):
        report.check("backend", backend)
        report.check("decoder", decoder)


def coreml_unavailable(version: tuple[int, int] = sys.version_info[:2]) -> Optional[str]:
    """Return why Core ML conversion is not available on a Python, None if it may be.

    Args:
        version: major and minor version of Python.
    """
    from importlib.util import find_spec

    if version <= NEWEST_FOR_COREMLTOOLS or find_spec("coremltools") is not None:
        return None
    found, newest = (".".join(map(str, v)) for v in (version, NEWEST_FOR_COREMLTOOLS))
    return (
        f"conversion is not available on Python {found}, for which coremltools has no wheel yet"
        f" - convert with Python {newest}"
    )


def register(app: typer.Typer) -> None:
    """Add ``streamer doctor`` to the command line."""
    app.command("doctor")(doctor)
