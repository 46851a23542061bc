"""Where samples come from: the protocol, and the parts that several sources share."""

from __future__ import annotations

from typing import Callable, Protocol

import numpy as np

from streamer.arrays import FloatArray
from streamer.audio.resampling import Resampler
from streamer.audio.samples import first_bad_frame
from streamer.errors import AudioError


class Source(Protocol):
    """Where samples come from.

    One thread (that of `streamer.audio.capture.Capture`) calls `open`, then
    `read` until it returns None or raises, then `close`. Only `stop` may be
    called by another thread.

    Attributes:
        name: for people: "built-in microphone", "talk.flac".
        live: samples come at the pace of the world and cannot wait.
        seconds: the length where it is known, after `open`.
        lost: how many samples, at the rate asked for, were lost so far between
            the world and this source. What `read` adds to it was lost just
            before the block that it returns.
        delay_s: how long ago the last sample of the block read last had
            arrived in this process, when it was handed out; 0 where the
            source is not live.
    """

    @property
    def name(self) -> str:
        """For people."""

    @property
    def live(self) -> bool:
        """Whether samples come at the pace of the world."""

    @property
    def seconds(self) -> float | None:
        """The length where it is known."""

    @property
    def lost(self) -> int:
        """Samples lost so far."""

    @property
    def delay_s(self) -> float:
        """Age of the last sample read, in seconds."""

    def open(self, rate_hz: int) -> None:
        """Begin.

        Args:
            rate_hz: the rate at which the samples are wanted.

        Raises:
            AudioError: there is nothing to read, or it is no sound.
        """

    def read(self) -> FloatArray | None:
        """The next samples; blocks until there are some.

        Returns:
            float32 mono (n,) with n > 0, full scale 1, at the rate given to
            `open`; None at the end.

        Raises:
            AudioError: no more can be read. All samples before the fault have
                been returned by then.
        """

    def stop(self) -> None:
        """Let `read` come to its end soon; may be called by any thread, and twice.

        A live source still hands out what it has heard until now, then None.
        """

    def close(self) -> None:
        """Give everything back; may be called twice."""


class FrameStream:
    """Turns frames as a recording holds them into samples as a source hands them out.

    What is wrong with a stream is said after all samples before the fault, the
    resampler's last ones included, so that no word before it is lost.

    Args:
        read_frames: returns the next frames, float32 (n, channels), or None at
            the end; raises AudioError.
        name: what the frames come from, for messages.
        from_rate_hz: rate of the frames.
        to_rate_hz: rate of the samples.
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
        self._resampler = Resampler(from_rate_hz, to_rate_hz)
        self._frames_read = 0
        self._ended = False
        self._error: AudioError | None = None

    def read(self) -> FloatArray | None:
        """The next samples, float32 (n,) with n > 0; None at the end.

        Raises:
            AudioError: the stream has a fault here.
        """
        while not self._ended:
            frames = self._next_frames()
            if frames is not None:
                samples = self._resampler.feed(frames)
            if frames is None or self._error:
                self._ended = True
                rest = self._resampler.finish()
                samples = rest if frames is None else np.concatenate([samples, rest])
            if len(samples):
                return samples
        if self._error:
            raise self._error
        return None

    def _next_frames(self) -> FloatArray | None:
        """Frames that are sound; None at the end; what is wrong goes to ``_error``."""
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
                f"{self._name} holds samples that are no sound (NaN, infinite or enormous)"
                f" from {seconds:.2f} s on",
                "make the recording again, or mend it with an audio editor",
            )
            frames = frames[:bad]
        self._frames_read += len(frames)
        return frames
