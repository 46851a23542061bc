"""``streamer doctor``: checks everything that live transcription needs."""

from __future__ import annotations

import platform
import sys
from typing import Annotated, Any, Callable, Optional

import typer

from streamer.cli.support.messages import echo
from streamer.cli.support.options import EngineOptions, with_options
from streamer.errors import StreamerError

#: How long to record from the microphone, to see whether it delivers only zeros, in seconds.
LISTEN_S = 1.0

#: The newest Python for which coremltools has wheels.
NEWEST_FOR_COREMLTOOLS = (3, 13)


class _Report:
    """Prints the report line by line; each check runs even if others fail."""

    def __init__(self) -> None:
        self.failures = 0

    def check(self, name: str, look: Callable[[], str]) -> bool:
        """Print one line, with what was found or what is wrong; return whether it is ok."""
        try:
            line = f"ok    {name}: {look()}"
        except StreamerError as error:
            self.failures += 1
            line = f"FAIL  {name}: {error}"
        except Exception as error:  # a check that crashes is a finding too
            self.failures += 1
            kind = type(error).__name__
            line = f"FAIL  {name}: {kind}: {error} - please report this with the whole output"
        echo(" ".join(line.split("\n")))
        return line.startswith("ok")

    def note(self, name: str, text: str) -> None:
        """Print a line that is neither ok nor a failure."""
        echo(f"note  {name}: {text}")


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

    report = _Report()
    with native_messages_hidden():
        report.check("python", lambda: f"{platform.python_version()} on {platform.platform()}")
        if report.check("PortAudio", _portaudio) and report.check("devices", _devices):
            report.check("microphone", lambda: _microphone(device))
        report.check("voice activity", _voice_activity)
        _check_model(report, engine)
    missing = coreml_unavailable()
    if missing is not None:
        report.note("Core ML", missing)
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
    """Record for a moment: only that shows whether this program may use the microphone."""
    import numpy as np

    from streamer.audio import portaudio
    from streamer.audio.sources.microphone import MicrophoneSource
    from streamer.endpointing.settings import RATE_HZ
    from streamer.engine.level_meter import LevelMeter
    from streamer.errors import DeviceError

    source = MicrophoneSource(wanted)
    blocks: list[Any] = []
    source.open(RATE_HZ)
    try:
        while sum(len(block) for block in blocks) < LISTEN_S * RATE_HZ:
            block = source.read()
            if block is None:
                break
            blocks.append(block)
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
        network = load_acoustic_model(bundle, engine.backend, engine.compute_units)
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
