"""The microphone: PortAudio's callback copies into a ring, the reader does all the rest.

    PortAudio's thread --copies--> device ring --capture thread: mix down, resample--> samples

Three rules keep the callback harmless: it copies its block and returns, it
takes no lock, it calls nothing that could wait. All calls of PortAudio come
from the one thread that reads (that of `streamer.audio.capture.Capture`);
other threads only leave word with `stop`, `pause` and `resume`.
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

#: A room is never silent to the last bit. After so many seconds of nothing
#: but zeros the microphone is muted, or not allowed (macOS then gives zeros).
SILENT_SECONDS = 3.0

#: And after so many it is given up, where not a single sample came.
GIVE_UP_SECONDS = 15.0

_POLL_SECONDS = 0.1

_PAUSE_POLL_SECONDS = 1.0


class MicrophoneSource:
    """A device that records.

    It is opened in mono at the rate asked for where it allows that, otherwise
    at its own rate and as few of its channels as it takes; these are then
    mixed down and resampled outside the callback.

    Args:
        device: its number, its name or a part of it; None for the default one.
        give_up_s: after so many seconds of nothing but zeros, since it was
            opened, `read` raises; None for never.
        clock: seconds that only ever grow; the callback calls it too.

    Attributes:
        device: what was found, after `open`.
        opened_rate_hz: the rate it was opened at.
        opened_channels: the channels it was opened with.
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
        self._zeros = 0  # samples since opening, while nothing else came
        self._heard = False
        self._ended = False
        self._stopped = False
        self._paused = False
        self._wakeup = Wakeup()  # rung by stop, pause and resume

    @property
    def name(self) -> str:
        """The device's name; what was asked for until it is open."""
        if self.device is not None:
            return self.device.name
        return "microphone" if self.wanted is None else str(self.wanted)

    @property
    def overflows(self) -> int:
        """How many times the device overran so far.

        How much it lost then is not known exactly: ``lost`` holds what the
        device's own clock tells.
        """
        stream = self._stream
        return self._past_overflows + (stream.overflows if stream else 0)

    @property
    def silent_device(self) -> bool:
        """Whether for some seconds, since it was opened, nothing but zeros came.

        Then it is muted, or the program may not use it. True until the first
        sample that is not zero; any thread may ask.
        """
        return not self._heard and self._zeros >= SILENT_SECONDS * max(self._rate_hz, 1)

    @property
    def paused(self) -> bool:
        """Whether `pause` was called, and `resume` not yet."""
        return self._paused

    # The reading thread

    def open(self, rate_hz: int) -> None:
        """Open the device and begin to record.

        Args:
            rate_hz: the rate at which samples are wanted.

        Raises:
            DeviceError: no PortAudio, no such device, busy, or refused.
        """
        self.close()
        self._rate_hz = rate_hz
        self._ended = self._stopped = self._paused = False
        self._heard, self._zeros, self._error = False, 0, None
        self._blocks.clear()
        self._open_stream()

    def read(self) -> FloatArray | None:
        """The next samples; blocks until there are some, for the length of a pause too.

        Returns:
            float32 (n,), mono at the rate asked for; None after `stop`, when
            all that was recorded until then has been returned.

        Raises:
            DeviceError: the device is gone, or could not be opened again after
                a pause, or gives nothing but zeros.
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
        """Give the device back; may be called twice."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    # Any thread

    def stop(self) -> None:
        """Let `read` return what was recorded until now, and then None."""
        self._stopped = True
        self._wakeup.notify()

    def pause(self) -> None:
        """Give the device back until `resume`, so that other programs may use it.

        The time that passes until then is no part of the stream.
        """
        self._paused = True
        self._wakeup.notify()

    def resume(self) -> None:
        """Open the device again; should that fail, `read` says so."""
        self._paused = False
        self._wakeup.notify()

    # The reading thread, inside

    def _record(self) -> None:
        """One step of `read`: fill ``_blocks`` or find out why there is nothing."""
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
            # Devices may have come and gone meanwhile.
            portaudio.refresh()
            self._open_stream()

    def _open_stream(self) -> None:
        try:
            self.device = find_device(input_devices(), self.wanted)
        except DeviceError:
            # It may have been plugged in since PortAudio started.
            portaudio.refresh()
            self.device = find_device(input_devices(), self.wanted)
        self._stream = DeviceStream(self.device, self._rate_hz, self._clock)
        self.opened_rate_hz = self._stream.rate_hz
        self.opened_channels = self._stream.channels

    def _end_stream(self) -> None:
        """Close the device and keep what it had recorded."""
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
        """Complain about a device that is gone, or silent for too long."""
        if stream.is_gone():
            raise DeviceError(
                f'the microphone "{self.name}" is gone',
                "everything before is transcribed; connect it and start again",
            )
        limit_s = self._give_up_s
        if limit_s is not None and not self._heard and self._zeros >= limit_s * self._rate_hz:
            raise DeviceError(
                f'the microphone "{self.name}" gives nothing but zeros: it is muted, or this'
                " program may not use it",
                portaudio.privacy_hint(sys.platform),
            )
