"""Speech for the server's tests, and what ``streamer transcribe`` makes of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from streamer.audio.resampling import Resampler
from streamer.engine.model_loader import ModelChoice, load_model
from streamer.engine.shared_model import SharedModel
from streamer.events import Event, Final
from tests.support.paths import ROOT

SAMPLE = ROOT / "assets" / "english" / "sample.flac"
RATE_HZ = 16000


@cache
def shared_model() -> SharedModel:
    """The bundled model."""
    return SharedModel(load_model(ModelChoice()))


@cache
def sample() -> npt.NDArray[np.int16]:
    """The bundled recording, int16 (n,)."""
    samples, rate_hz = soundfile.read(SAMPLE, dtype="int16")
    assert rate_hz == RATE_HZ
    return np.asarray(samples)


def variants(n: int) -> list[npt.NDArray[np.int16]]:
    """Recordings with different words: the bundled one from different places on, with a pause."""
    whole = sample()
    pause = np.zeros(RATE_HZ, np.int16)
    starts = [len(whole) * k // (n + 2) for k in range(n)]
    return [np.concatenate([pause, whole[start : start + 4 * RATE_HZ], pause]) for start in starts]


def events_of(samples: npt.NDArray[np.int16]) -> list[Event]:
    """All events of samples at 16 kHz."""
    recogniser = shared_model().new_recogniser()
    return recogniser.feed(samples.astype(np.float32) / np.float32(32768)) + recogniser.finish()


def words_of(samples: npt.NDArray[np.int16]) -> str:
    """The words, as ``streamer transcribe`` writes them."""
    return " ".join(event.text for event in events_of(samples) if isinstance(event, Final))


@cache
def sample_words() -> str:
    """The words of the bundled recording."""
    return words_of(sample())


@cache
def sample_display() -> str:
    """The written text of the bundled recording."""
    from streamer.events import written_text

    return written_text(events_of(sample()))


def at_rate(rate_hz: int) -> npt.NDArray[np.int16]:
    """The bundled recording at another rate, int16 (n,)."""
    resampler = Resampler(RATE_HZ, rate_hz)
    samples = (sample().astype(np.float32) / 32768)[:, np.newaxis]
    out = np.concatenate([resampler.feed(samples), resampler.finish()])
    return (np.clip(out, -1, 1) * 32767).astype(np.int16)


def words_of_file(samples: npt.NDArray[np.int16], rate_hz: int, path: Path) -> str:
    """What `streamer.transcribe` says of samples of any rate, by way of a WAV file."""
    from streamer import transcribe

    soundfile.write(path, samples, rate_hz)
    return transcribe(path, verbatim=True)
