"""The protocol of a source, and the part that several sources share."""

from __future__ import annotations

from typing import Callable, Protocol

import numpy as np

from streamer.arrays import FloatArray
from streamer.audio.mixing import ChannelMixer
from streamer.audio.resampling import Resampler
from streamer.audio.samples import first_bad_frame
from streamer.errors import AudioError

#: Rates at which no speech can be recorded, and rates that no device has.
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1000, 3_000_000

CANCELLED = (
    "the channels cancel each other out (opposite phase) - the louder one is transcribed;"
    " check the wiring for the next recording"
)


class Source(Protocol):
    """A stream of samples.

    One thread (that of `streamer.audio.capture.Capture`) calls `open`, then
    `read` until it returns None or raises, then `close`. Only `stop` may be
    called by another thread.

    Attributes:
        name: for display: "built-in microphone", "talk.flac".
        live: whether samples come in real time and cannot wait.
        seconds: length after `open`, if known.
        lost: number of samples lost so far, at the requested rate. What `read`
            adds to it was lost just before the block that it returns.
        delay_s: age of the last sample of the newest block when `read`
            returned it; 0 if the source is not live.
    """

    @property
    def name(self) -> str:
        """Name for display."""

    @property
    def live(self) -> bool:
        """Whether samples come in real time."""

    @property
    def seconds(self) -> float | None:
        """Length, if known."""

    @property
    def lost(self) -> int:
        """Samples lost so far."""

    @property
    def delay_s(self) -> float:
        """Age of the last sample, in seconds."""

    def open(self, rate_hz: int) -> None:
        """Open the source.

        Args:
            rate_hz: sample rate for `read`.

        Raises:
            AudioError: there is nothing to read, or it is not valid audio.
        """

    def read(self) -> FloatArray | None:
        """Return the next samples; blocks until there are some.

        Returns:
            float32 mono (n,) with n > 0, full scale 1, at the rate given to
            `open`; None at the end.

        Raises:
            AudioError: no more can be read; all samples before the fault have
                been returned.
        """

    def stop(self) -> None:
        """Make `read` reach its end soon; may be called twice, by any thread.

        A live source still returns what it has recorded so far, then None.
        """

    def close(self) -> None:
        """Close the source; may be called twice."""


class FrameStream:
    """Turns the frames of a recording into the samples of a source.

    Errors are raised after all samples before the fault, the resampler's last
    ones included, so that no word before it is lost.

    Args:
        read_frames: returns the next frames, float32 (n, channels), or None at
            the end; raises AudioError.
        name: of the recording, for messages.
        from_rate_hz: rate of the frames.
        to_rate_hz: rate of the samples.

    Raises:
        AudioError: no speech can be recorded at that rate.
    """

    def __init__(
        self,
        read_frames: Callable[[], FloatArray | None],
        name: str,
        from_rate_hz: float,
        to_rate_hz: int,
    ) -> None:
        self._read_frames = read_frames
        self._name = name
        if not LOWEST_RATE_HZ <= from_rate_hz <= HIGHEST_RATE_HZ:
            raise AudioError(
                f"{name} has a sample rate of {from_rate_hz:g} Hz, which is no rate of speech",
                f"give a recording of {LOWEST_RATE_HZ} Hz or more, usually 16000",
            )
        self._mixer = ChannelMixer(from_rate_hz)
        self._resampler = Resampler(from_rate_hz, to_rate_hz)
        self._frames_read = 0
        self._ended = False
        self._error: AudioError | None = None

    def read(self) -> FloatArray | None:
        """Return the next samples, float32 (n,) with n > 0; None at the end.

        Raises:
            AudioError: the recording has a fault here.
        """
        while not self._ended:
            frames = self._next_frames()
            if frames is not None:
                samples = self._resample(self._mixer.feed(frames))
            if frames is None or self._error:
                self._ended = True
                parts = [self._resample(self._mixer.finish()), self._resampler.finish()]
                samples = np.concatenate(parts if frames is None else [samples, *parts])
            if len(samples):
                return samples
        if self._error:
            raise self._error
        return None

    @property
    def remark(self) -> str:
        """What the user should know about the samples returned so far; empty for nothing."""
        return f"{self._name}: {CANCELLED}" if self._mixer.cancelled else ""

    def _resample(self, mono: FloatArray) -> FloatArray:
        return self._resampler.feed(mono[:, np.newaxis])

    def _next_frames(self) -> FloatArray | None:
        """Return valid frames, or None at the end; an error goes to ``_error``."""
        try:
            frames = self._read_frames()
        except AudioError as error:
            self._error = error
            return None
        if frames is None:
            return None
        bad = first_bad_frame(frames)
        if bad is not None:
            seconds = (self._frames_read + bad) / self._resampler.from_rate_hz
            self._error = AudioError(
                f"{self._name} is not valid audio from {seconds:.2f} s on: samples are NaN,"
                " infinite or enormous",
                "record it again, or fix it with an audio editor",
            )
            frames = frames[:bad]
        self._frames_read += len(frames)
        return frames
