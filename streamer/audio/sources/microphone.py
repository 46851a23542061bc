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
from typing import Callable

from streamer.arrays import FloatArray
from streamer.audio import portaudio
from streamer.audio.boottime import boottime
from streamer.audio.devices import Device, find_again, find_device, input_devices
from streamer.audio.sound_server import shown_name
from streamer.audio.sources.absence import RECONNECT_SECONDS, Absence
from streamer.audio.sources.device_stream import SILENCE_SECONDS, DeviceBlock, DeviceStream
from streamer.audio.sources.settling import Settling
from streamer.audio.sources.standby import Standby, StartTimer
from streamer.audio.sources.timeline import Timeline
from streamer.audio.sources.watch import Watch
from streamer.audio.sources.zeros import SILENT_SECONDS, ZeroWatch
from streamer.audio.wakeup import Wakeup
from streamer.errors import DeviceError

#: After this time of only zeros `read` raises.
GIVE_UP_SECONDS = 15.0

#: Between two attempts to open a device that went away.
RETRY_SECONDS = 0.5

#: ALSA's default device leads to PulseAudio or PipeWire, which choose the microphone.
#: Elsewhere PortAudio knows a new default device only after `portaudio.refresh`.
_DEFAULT_FOLLOWS = sys.platform.startswith("linux")

_POLL_SECONDS = 0.1

_PAUSE_POLL_SECONDS = 1.0


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
        keep_warm_s: how long the device stays open during a pause, in seconds;
            `resume` then includes the half second before it.
        begin_paused: `open` only looks for the device; `resume` opens it.
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
        keep_warm_s: float = 0.0,
        begin_paused: bool = False,
        clock: Callable[[], float] = boottime,
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self.wanted = device
        self.device: Device | None = None
        self._named: tuple[str, str] | None = None  # PortAudio's name, and the one to show
        self.opened_rate_hz = 0.0
        self.opened_channels = 0
        self.lost = 0
        self.delay_s = 0.0
        self._give_up_s = give_up_s
        self._absence = Absence(reconnect_timeout_s)
        self.notices = self._absence.notices
        self._clock = clock
        self._begin_paused = begin_paused
        self._standby = Standby(keep_warm_s, clock)
        self._start = StartTimer(clock)
        self._at_rest = False
        self._watch = Watch(clock, cpu_clock)
        self._timeline = Timeline()
        self._closed: DeviceStream | None = None  # the stream before
        self._warm = False  # paused, and still open
        self._rate_hz = 0
        self._stream: DeviceStream | None = None
        self._past_overflows = 0
        self._blocks: deque[DeviceBlock] = deque()
        self._error: DeviceError | None = None
        self._zeros = ZeroWatch()
        self._settling = Settling(0)
        self._ended = False
        self._stopped = False
        self._paused = False
        self._wakeup = Wakeup()  # notified by stop, pause and resume

    @property
    def name(self) -> str:
        """Name of the device as the user knows it; what was asked for until it is open."""
        if self.device is not None:
            if self._named is None or self._named[0] != self.device.name:
                self._named = self.device.name, shown_name(self.device.name)
            return self._named[1]
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
        return self._zeros.lasts(SILENT_SECONDS, self._rate_hz)

    @property
    def paused(self) -> bool:
        """Whether the microphone is paused."""
        return self._paused

    @property
    def at_rest(self) -> bool:
        """Whether `read` has returned all that was recorded before a pause."""
        return self._paused and self._at_rest

    @property
    def start_s(self) -> float | None:
        """Seconds from `open` or `resume` to the first sample; 0 if the device was warm."""
        return self._start.seconds

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
        self._zeros, self._error = ZeroWatch(), None
        self._blocks.clear()
        self._absence.reset()
        self._timeline.reset()
        self._start.ask()
        if self._begin_paused:
            self._paused = True
            self.device = find_device(input_devices(), self.wanted)
        else:
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

    def pause(self, after_s: float = 0.0) -> None:
        """Close the device until `resume`, so that other programs can use it.

        The time until then is not part of the stream.

        Args:
            after_s: go on recording for this long, in seconds.
        """
        self._standby.begin(after_s)
        self._at_rest = False
        self._paused = True
        self._wakeup.notify()

    def resume(self) -> None:
        """Open the device again; wait for it if that fails."""
        if self._paused:
            self._start.ask()
        self._paused = False
        self._wakeup.notify()

    # The reading thread, internals

    def _record(self) -> None:
        """Do one step of `read`: fill ``_blocks``, or find out why there is nothing."""
        try:
            if self._stream is None:
                self._wait_for_stream()
            elif self._stopped or (self._paused and self._standby.is_over):
                self._end_stream()
                self._timeline.reset()
                self._ended = self._stopped
            elif self._paused and not self._standby.in_tail:
                self._stand_by(self._stream)
            else:
                if self._warm:
                    self._warm = False
                    self._take(self._standby.release())
                self._take(self._stream.read(_POLL_SECONDS))
                self._check(self._stream)
        except DeviceError as error:
            self._error, self._ended = error, True
            if self._stream is not None:
                self._end_stream()

    def _stand_by(self, stream: DeviceStream) -> None:
        """Do one step while the device is paused, but warm."""
        self._warm = self._at_rest = True
        self._standby.keep(stream.read(_POLL_SECONDS), self._rate_hz)
        if stream.is_gone():
            self._end_stream()

    def _wait_for_stream(self) -> None:
        """Do one step while there is no open device."""
        if self._stopped:
            self._ended = True
        elif self._paused:
            self._at_rest = True
            self._absence.error = None
            self._timeline.reset()
            self._wakeup.wait(_PAUSE_POLL_SECONDS)
        elif self._absence.error is None:
            try:
                self._open_after_pause()
            except DeviceError as error:
                self._begin_waiting(error)
        else:
            self._try_again(self._absence.error)

    def _open_after_pause(self) -> None:
        """Open the device; others may have been connected or removed during the pause."""
        if _DEFAULT_FOLLOWS:
            # A quarter of a second sooner than with a new list, which a start by key notices.
            with contextlib.suppress(DeviceError):
                return self._open_stream()
        portaudio.refresh()
        self._open_stream()

    def _begin_waiting(self, error: DeviceError) -> None:
        """Wait for the device from now on.

        Raises:
            DeviceError: it shall not be waited for.
        """
        if self._absence.timeout_s == 0:
            raise error
        self._timeline.break_off(self._clock())
        self._absence.begin(error)

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
            self._absence.error = None
            return
        if self._absence.tried(self._clock() - began_s):
            raise gone
        self._wakeup.wait(RETRY_SECONDS)
        self._absence.waited(RETRY_SECONDS)

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
        self._settling = Settling(self._rate_hz)
        self._stream = DeviceStream(device, self._rate_hz, self._clock, self._timeline, self._watch)
        self.device, self._named = device, None  # the default one may be another one now
        self.opened_rate_hz = self._stream.rate_hz
        self.opened_channels = self._stream.channels

    def _end_stream(self) -> None:
        """Close the device and keep what it has recorded."""
        stream, self._stream = self._stream, None
        assert stream is not None
        stream.close()
        self._closed = stream
        self._past_overflows += stream.overflows
        if self._warm:  # what it has recorded since is not part of the stream
            self._warm = False
            self._standby.release()
            return
        self._take(stream.read(0))
        self._take(stream.finish())

    def _take(self, blocks: list[DeviceBlock]) -> None:
        if blocks and self._stream is not None:
            length_s = sum(len(block.samples) for block in blocks) / self._rate_hz
            self._start.arrive(self._stream.delay_s + length_s)
        for block in blocks:
            self._blocks.append(block)
            self._zeros.feed(block.samples)
            self._settling.feed(block.samples, lambda: self.name, self.notices)
        if self._stream is not None:
            self.delay_s = self._stream.delay_s

    def _check(self, stream: DeviceStream) -> None:
        """Note that the device is gone or back; raise if it is silent for too long."""
        if stream.is_gone():
            gone = DeviceError(
                f'the microphone "{self.name}" is gone',
                "everything before is transcribed; connect it and start again",
            )
            if self._absence.timeout_s == 0:
                raise gone
            self._absence.tell(gone.what)  # first: closing may take a while
            self._end_stream()
            self._begin_waiting(gone)
        elif stream.heard and stream.silent_s >= SILENCE_SECONDS:
            if self._absence.timeout_s != 0:
                self._absence.tell(f'the microphone "{self.name}" delivers nothing')
        elif stream.heard and not stream.silent_s:
            self._absence.is_back(self.name)
        limit_s = self._give_up_s
        if limit_s is not None and self._zeros.lasts(limit_s, self._rate_hz):
            raise DeviceError(
                f'the microphone "{self.name}" delivers only zeros: it is muted, or this'
                " program has no permission",
                portaudio.privacy_hint(sys.platform),
            )
