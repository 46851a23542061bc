"""The microphone as a source: opening, pausing, silence and disconnection.

All calls of PortAudio come from the reading thread, that of
`streamer.audio.capture.Capture`; `stop`, `pause` and `resume` only set flags
for it.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import Callable

from streamer.arrays import FloatArray
from streamer.audio import portaudio
from streamer.audio.devices import Device, find_device, input_devices
from streamer.audio.sources.device_stream import DeviceBlock, DeviceStream
from streamer.audio.wakeup import Wakeup
from streamer.errors import DeviceError

#: A room is never silent to the last bit. After this time of only zeros the
#: microphone is muted, or not permitted (macOS then delivers zeros).
SILENT_SECONDS = 3.0

#: After this time of only zeros `read` raises.
GIVE_UP_SECONDS = 15.0

_POLL_SECONDS = 0.1

_PAUSE_POLL_SECONDS = 1.0


class MicrophoneSource:
    """A microphone.

    It is opened in mono at the requested rate if possible, otherwise at its own
    rate with as few channels as it allows; these are mixed down and resampled
    outside the callback.

    Args:
        device: number, name or part of the name; None for the default device.
        give_up_s: `read` raises after this time of only zeros since `open`;
            None for never.
        clock: monotonic, in seconds; also called by the callback.

    Attributes:
        device: the device, after `open`.
        opened_rate_hz: its rate.
        opened_channels: its number of channels.
    """

    live = True
    seconds: float | None = None

    def __init__(
        self,
        device: int | str | None = None,
        give_up_s: float | None = GIVE_UP_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.wanted = device
        self.device: Device | None = None
        self.opened_rate_hz = 0.0
        self.opened_channels = 0
        self.lost = 0
        self.delay_s = 0.0
        self._give_up_s = give_up_s
        self._clock = clock
        self._rate_hz = 0
        self._stream: DeviceStream | None = None
        self._past_overflows = 0
        self._blocks: deque[DeviceBlock] = deque()
        self._error: DeviceError | None = None
        self._zeros = 0  # samples since opening, if all of them were zeros
        self._heard = False
        self._ended = False
        self._stopped = False
        self._paused = False
        self._wakeup = Wakeup()  # notified by stop, pause and resume

    @property
    def name(self) -> str:
        """Name of the device; what was asked for until it is open."""
        if self.device is not None:
            return self.device.name
        return "microphone" if self.wanted is None else str(self.wanted)

    @property
    def overflows(self) -> int:
        """Number of overflows of the device so far.

        How much they lost is an estimate, from the device's own clock; see ``lost``.
        """
        stream = self._stream
        return self._past_overflows + (stream.overflows if stream else 0)

    @property
    def silent_device(self) -> bool:
        """Whether only zeros have come for some seconds since opening.

        If so, it is muted, or the program has no permission. May be read by
        any thread.
        """
        return not self._heard and self._zeros >= SILENT_SECONDS * max(self._rate_hz, 1)

    @property
    def paused(self) -> bool:
        """Whether the microphone is paused."""
        return self._paused

    # The reading thread

    def open(self, rate_hz: int) -> None:
        """Open the device and start recording.

        Args:
            rate_hz: sample rate for `read`.

        Raises:
            DeviceError: PortAudio or the device is missing, busy, or refuses.
        """
        self.close()
        self._rate_hz = rate_hz
        self._ended = self._stopped = self._paused = False
        self._heard, self._zeros, self._error = False, 0, None
        self._blocks.clear()
        self._open_stream()

    def read(self) -> FloatArray | None:
        """Return the next samples; blocks until there are some, also during a pause.

        Returns:
            float32 (n,), mono at the requested rate; None after `stop`, when
            everything recorded so far has been returned.

        Raises:
            DeviceError: the device is gone, could not be opened again after a
                pause, or delivers only zeros.
        """
        while True:
            if self._blocks:
                block = self._blocks.popleft()
                self.lost += block.lost
                if len(block.samples):
                    return block.samples
            elif self._ended:
                if self._error is not None:
                    raise self._error
                return None
            else:
                self._record()

    def close(self) -> None:
        """Close the device; may be called twice."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    # Any thread

    def stop(self) -> None:
        """Make `read` return what was recorded so far, then None."""
        self._stopped = True
        self._wakeup.notify()

    def pause(self) -> None:
        """Close the device until `resume`, so that other programs can use it.

        The time until then is not part of the stream.
        """
        self._paused = True
        self._wakeup.notify()

    def resume(self) -> None:
        """Open the device again; if that fails, `read` raises."""
        self._paused = False
        self._wakeup.notify()

    # The reading thread, internals

    def _record(self) -> None:
        """Do one step of `read`: fill ``_blocks``, or find out why there is nothing."""
        try:
            if self._stream is None:
                self._sit_out_pause()
            elif self._stopped or self._paused:
                self._end_stream()
                self._ended = self._stopped
            else:
                self._take(self._stream.read(_POLL_SECONDS))
                self._check(self._stream)
        except DeviceError as error:
            self._error, self._ended = error, True
            if self._stream is not None:
                self._end_stream()

    def _sit_out_pause(self) -> None:
        if self._stopped:
            self._ended = True
        elif self._paused:
            self._wakeup.wait(_PAUSE_POLL_SECONDS)
        else:
            # Devices may have been connected or removed meanwhile.
            portaudio.refresh()
            self._open_stream()

    def _open_stream(self) -> None:
        try:
            self.device = find_device(input_devices(), self.wanted)
        except DeviceError:
            # It may have been connected since PortAudio started.
            portaudio.refresh()
            self.device = find_device(input_devices(), self.wanted)
        self._stream = DeviceStream(self.device, self._rate_hz, self._clock)
        self.opened_rate_hz = self._stream.rate_hz
        self.opened_channels = self._stream.channels

    def _end_stream(self) -> None:
        """Close the device and keep what it has recorded."""
        stream, self._stream = self._stream, None
        assert stream is not None
        stream.close()
        self._past_overflows += stream.overflows
        self._take(stream.read(0))
        self._take(stream.finish())

    def _take(self, blocks: list[DeviceBlock]) -> None:
        for block in blocks:
            self._blocks.append(block)
            self._heard = self._heard or bool(block.samples.any())
            if not self._heard:
                self._zeros += len(block.samples)
        if self._stream is not None:
            self.delay_s = self._stream.delay_s

    def _check(self, stream: DeviceStream) -> None:
        """Raise if the device is gone, or silent for too long."""
        if stream.is_gone():
            raise DeviceError(
                f'the microphone "{self.name}" is gone',
                "everything before is transcribed; connect it and start again",
            )
        limit_s = self._give_up_s
        if limit_s is not None and not self._heard and self._zeros >= limit_s * self._rate_hz:
            raise DeviceError(
                f'the microphone "{self.name}" delivers only zeros: it is muted, or this'
                " program has no permission",
                portaudio.privacy_hint(sys.platform),
            )
