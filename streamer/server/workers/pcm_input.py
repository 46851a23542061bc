"""Samples that are pushed: decoded, mixed down, resampled, as those of a recording are."""

from __future__ import annotations

import numpy as np

from streamer.arrays import FloatArray
from streamer.audio.mixing import ChannelMixer
from streamer.audio.pcm import PcmFormat
from streamer.audio.resampling import Resampler
from streamer.audio.samples import first_bad_frame
from streamer.endpointing.settings import RATE_HZ
from streamer.errors import AudioError

#: Encodings that clients may choose.
ENCODINGS = ("s16", "s24", "s32", "f32", "u8", "alaw", "mulaw")
#: No telephone is slower and no microphone faster.
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 4000, 192_000
MAX_CHANNELS = 8


def check_format(encoding: str, rate_hz: int, channels: int) -> PcmFormat:
    """Return the format that a client asks for.

    Raises:
        AudioError: the server does not take it.
    """
    if encoding not in ENCODINGS:
        raise AudioError(
            f"there is no encoding {encoding!r}", f"choose one of {', '.join(ENCODINGS)}"
        )
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise AudioError(
            f"the sample rate cannot be {rate_hz} Hz",
            f"send {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz, best {RATE_HZ}",
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioError(f"there cannot be {channels} channels", f"send 1 to {MAX_CHANNELS}")
    return PcmFormat(encoding, rate_hz, channels)


class PcmInput:
    """Turns bytes into the recogniser's samples, the same however they are cut.

    Args:
        format: of the bytes.
    """

    def __init__(self, format: PcmFormat) -> None:
        self._format = format
        self._rest = b""
        self._mixer = ChannelMixer(format.rate_hz)
        self._resampler = Resampler(format.rate_hz, RATE_HZ)

    def feed(self, data: bytes) -> FloatArray:
        """Take bytes and return the samples that they complete, float32 (n,).

        Raises:
            AudioError: a sample is NaN, infinite or enormous.
        """
        data = self._rest + data
        whole = len(data) - len(data) % self._format.frame_bytes
        self._rest = data[whole:]
        with np.errstate(invalid="ignore"):  # checked below
            frames = self._format.decode(data[:whole])
        if first_bad_frame(frames) is not None:
            raise AudioError(
                "the samples are not valid audio (NaN, infinite or enormous)",
                "check the encoding",
            )
        return self._resampler.feed(self._mixer.feed(frames)[:, np.newaxis])

    def finish(self) -> FloatArray:
        """Return the last samples; bytes of an incomplete frame are dropped."""
        rest = self._resampler.feed(self._mixer.finish()[:, np.newaxis])
        return np.concatenate([rest, self._resampler.finish()])
