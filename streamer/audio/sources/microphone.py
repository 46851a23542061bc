"""The microphone as a source: opening, pausing, silence, disconnection and return.

All calls of PortAudio come from the reading thread, that of
`streamer.audio.capture.Capture`; `stop`, `pause` and `resume` only set flags
for it.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections import deque
from typing import Callable, NamedTuple

from streamer.arrays import FloatArray
from streamer.audio import portaudio
from streamer.audio.boottime import boottime
from streamer.audio.devices import Device, find_again, input_devices
from streamer.audio.sources.device_stream import SILENCE_SECONDS, DeviceBlock, DeviceStream
from streamer.audio.sources.timeline import Timeline
from streamer.audio.sources.watch import Watch
from streamer.audio.wakeup import Wakeup
from streamer.errors import DeviceError

#: A room is never silent to the last bit. After this time of only zeros the
#: microphone is muted, or not permitted (macOS then delivers zeros).
SILENT_SECONDS = 3.0

#: After this time of only zeros `read` raises.
GIVE_UP_SECONDS = 15.0

#: How long to wait for a device that went away: where nobody watches, a program
#: must not wait forever.
RECONNECT_SECONDS = 30.0

#: Between two attempts to open a device that went away.
RETRY_SECONDS = 0.5

#: An attempt counts for no more than this: the program may be stopped meanwhile.
_LONGEST_TRY_SECONDS = 5.0

_POLL_SECONDS = 0.1

_PAUSE_POLL_SECONDS = 1.0


class DeviceNotice(NamedTuple):
    """Something about the device that the user should know."""

    what: str
    todo: str


class MicrophoneSource:
    """A microphone.

    It is opened in mono at the requested rate if possible, otherwise at its own
    rate with as few channels as it allows; these are mixed down and resampled
    outside the callback.

    A microphone that goes away is waited for, and opened again when it is back:
    the named one, or the default one of that time. What is missing then, or
    after the program was stopped for a while, is counted in ``lost``: exactly as
    long as the sound system keeps up, otherwise by the clock, to some ten
    milliseconds.

    Args:
        device: number, name or part of the name; None for the default device.
        give_up_s: `read` raises after this time of only zeros since `open`;
            None for never.
        reconnect_timeout_s: `read` raises when the microphone has been gone for
            this long; None for never, 0 for at once.
        clock: monotonic, time asleep included, in seconds; also called by the
            callback.
        cpu_clock: processor time of the process, in seconds.

    Attributes:
        device: the device, after `open`.
        opened_rate_hz: its rate.
        opened_channels: its number of channels.
        notices: for the user, oldest first; another thread may take them.
    """

    live = True
    seconds: float | None = None

    def __init__(
        self,
        device: int | str | None = None,
        give_up_s: float | None = GIVE_UP_SECONDS,
        reconnect_timeout_s: float | None = RECONNECT_SECONDS,
        clock: Callable[[], float] = boottime,
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self.wanted = device
        self.device: Device | None = None
        self.opened_rate_hz = 0.0
        self.opened_channels = 0
        self.lost = 0
        self.delay_s = 0.0
        self.notices: deque[DeviceNotice] = deque()
        self._give_up_s = give_up_s
        self._reconnect_timeout_s = reconnect_timeout_s
        self._clock = clock
        self._watch = Watch(clock, cpu_clock)
        self._timeline = Timeline()
        self._gone: DeviceError | None = None  # why it is waited for
        self._waited_s = 0.0
        self._closed: DeviceStream | None = None  # the stream before
        self._told = False  # that nothing comes
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
        self.notices.clear()
        self._gone, self._told = None, False
        self._timeline.reset()
        self._open_stream()

    def read(self) -> FloatArray | None:
        """Return the next samples; blocks until there are some, also during a pause.

        Returns:
            float32 (n,), mono at the requested rate; None after `stop`, when
            everything recorded so far has been returned.

        Raises:
            DeviceError: the device is gone and does not come back in time, or
                delivers only zeros.
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
        """Open the device again; wait for it if that fails."""
        self._paused = False
        self._wakeup.notify()

    # The reading thread, internals

    def _record(self) -> None:
        """Do one step of `read`: fill ``_blocks``, or find out why there is nothing."""
        try:
            if self._stream is None:
                self._wait_for_stream()
            elif self._stopped or self._paused:
                self._end_stream()
                self._timeline.reset()
                self._ended = self._stopped
            else:
                self._take(self._stream.read(_POLL_SECONDS))
                self._check(self._stream)
        except DeviceError as error:
            self._error, self._ended = error, True
            if self._stream is not None:
                self._end_stream()

    def _wait_for_stream(self) -> None:
        """Do one step while there is no open device."""
        if self._stopped:
            self._ended = True
        elif self._paused:
            self._gone = None
            self._timeline.reset()
            self._wakeup.wait(_PAUSE_POLL_SECONDS)
        elif self._gone is None:
            # After a pause, devices may have been connected or removed meanwhile.
            portaudio.refresh()
            try:
                self._open_stream()
            except DeviceError as error:
                self._begin_waiting(error)
        else:
            self._try_again(self._gone)

    def _begin_waiting(self, error: DeviceError) -> None:
        """Wait for the device from now on.

        Raises:
            DeviceError: it shall not be waited for.
        """
        if self._reconnect_timeout_s == 0:
            raise error
        self._timeline.break_off(self._clock())
        self._gone, self._waited_s = error, 0.0
        self._tell(error.what)

    def _tell(self, what: str) -> None:
        """Say once that the device does not deliver."""
        if self._told:
            return
        self._told = True
        limit_s = self._reconnect_timeout_s
        until = "" if limit_s is None else f" for at most {limit_s:g} s"
        self.notices.append(DeviceNotice(what, f"connect it; waiting{until}"))

    def _try_again(self, gone: DeviceError) -> None:
        """Open the device if it is back.

        Raises:
            DeviceError: it has been gone for too long.
        """
        began_s = self._clock()
        # A driver that still hangs in closing must not be called.
        if self._closed is None or not self._closed.closing:
            with contextlib.suppress(DeviceError):
                portaudio.refresh()
                self._open_stream(again=True)
        self._watch.restart()
        if self._stream is not None:
            self._gone = None
            return
        self._waited_s += min(self._clock() - began_s, _LONGEST_TRY_SECONDS)
        limit_s = self._reconnect_timeout_s
        if limit_s is not None and self._waited_s >= limit_s:
            raise gone
        self._wakeup.wait(RETRY_SECONDS)
        self._waited_s += RETRY_SECONDS

    def _open_stream(self, again: bool = False) -> None:
        """Open the device; ``again``: the one that was open before."""
        before = self.device if again else None
        try:
            device = find_again(input_devices(), self.wanted, before)
        except DeviceError:
            # It may have been connected since PortAudio started.
            portaudio.refresh()
            device = find_again(input_devices(), self.wanted, before)
        self._watch.restart()
        self._stream = DeviceStream(device, self._rate_hz, self._clock, self._timeline, self._watch)
        self.device = device
        self.opened_rate_hz = self._stream.rate_hz
        self.opened_channels = self._stream.channels

    def _end_stream(self) -> None:
        """Close the device and keep what it has recorded."""
        stream, self._stream = self._stream, None
        assert stream is not None
        stream.close()
        self._closed = stream
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
        """Note that the device is gone or back; raise if it is silent for too long."""
        if stream.is_gone():
            gone = DeviceError(
                f'the microphone "{self.name}" is gone',
                "everything before is transcribed; connect it and start again",
            )
            if self._reconnect_timeout_s == 0:
                raise gone
            self._tell(gone.what)  # first: closing may take a while
            self._end_stream()
            self._begin_waiting(gone)
        elif stream.heard and stream.silent_s >= SILENCE_SECONDS:
            if self._reconnect_timeout_s != 0:
                self._tell(f'the microphone "{self.name}" delivers nothing')
        elif self._told and stream.heard and not stream.silent_s:
            self._told = False
            self.notices.append(
                DeviceNotice(f'the microphone "{self.name}" is back', "listening again")
            )
        limit_s = self._give_up_s
        if limit_s is not None and not self._heard and self._zeros >= limit_s * self._rate_hz:
            raise DeviceError(
                f'the microphone "{self.name}" delivers only zeros: it is muted, or this'
                " program has no permission",
                portaudio.privacy_hint(sys.platform),
            )
