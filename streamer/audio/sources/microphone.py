"""The microphone: PortAudio's callback copies into a ring, the reader does all the rest.

    PortAudio's thread --copies--> device ring --capture thread: mix down, resample--> samples

Three rules keep the callback harmless: it copies its block and returns, it
takes no lock, it calls nothing that could wait. All calls of PortAudio come
from the one thread that reads (that of `streamer.audio.capture.Capture`);
other threads only leave word with `stop`, `pause` and `resume`.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from typing import Any, Callable, NamedTuple

import numpy as np

from streamer.arrays import FloatArray
from streamer.audio import portaudio
from streamer.audio.devices import Device, find_device, input_devices
from streamer.audio.resampling import Resampler
from streamer.audio.ring import RingBuffer
from streamer.audio.wakeup import Bell
from streamer.errors import DeviceError

#: PortAudio hands over blocks of this length. Left to itself ("0") it may choose
#: blocks of 2 ms, which cost more than they carry.
BLOCK_SECONDS = 0.02

#: What PortAudio keeps for a callback that is late. The callback needs
#: Python's lock, which a decoder may hold for tens of milliseconds; the
#: default of 35 ms would overrun.
LATENCY_SECONDS = 0.1

#: What waits between the callback and the capture thread, which does nothing
#: but read it: only a stopped machine fills it.
DEVICE_RING_SECONDS = 10.0

#: A live device sends blocks all the time, silence included. One that sends
#: none for so long is gone, whatever it says about itself.
GONE_SECONDS = 4.0

#: A room is never silent to the last bit. After so many seconds of nothing
#: but zeros the microphone is muted, or not allowed (macOS then gives zeros).
SILENT_SECONDS = 3.0

#: And after so many it is given up, where not a single sample came.
GIVE_UP_SECONDS = 15.0

#: A driver that lost its device may never come back from closing it.
_CLOSE_SECONDS = 2.0

_POLL_SECONDS = 0.1

_PAUSE_POLL_SECONDS = 1.0


class _Piece(NamedTuple):
    """Samples that wait to be read."""

    samples: FloatArray  # none where only a loss is to be told
    lost: int  # samples missing just before them


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
        self._session: _Session | None = None
        self._past_overflows = 0
        self._pieces: deque[_Piece] = deque()
        self._error: DeviceError | None = None
        self._zeros = 0  # samples since opening, while nothing else came
        self._heard = False
        self._ended = False
        self._stopped = False
        self._paused = False
        self._told = Bell()  # rung by stop, pause and resume

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
        session = self._session
        return self._past_overflows + (session.overflows if session else 0)

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
        self._pieces.clear()
        self._open_session()

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
            if self._pieces:
                piece = self._pieces.popleft()
                self.lost += piece.lost
                if len(piece.samples):
                    return piece.samples
            elif self._ended:
                if self._error is not None:
                    raise self._error
                return None
            else:
                self._record()

    def close(self) -> None:
        """Give the device back; may be called twice."""
        if self._session is not None:
            self._session.close()
            self._session = None

    # Any thread

    def stop(self) -> None:
        """Let `read` return what was recorded until now, and then None."""
        self._stopped = True
        self._told.ring()

    def pause(self) -> None:
        """Give the device back until `resume`, so that other programs may use it.

        The time that passes until then is no part of the stream.
        """
        self._paused = True
        self._told.ring()

    def resume(self) -> None:
        """Open the device again; should that fail, `read` says so."""
        self._paused = False
        self._told.ring()

    # The reading thread, inside

    def _record(self) -> None:
        """One step of `read`: fill ``_pieces`` or find out why there is nothing."""
        try:
            if self._session is None:
                self._sit_out_pause()
            elif self._stopped or self._paused:
                self._end_session()
                self._ended = self._stopped
            else:
                self._take(self._session.read(_POLL_SECONDS))
                self._check(self._session)
        except DeviceError as error:
            self._error, self._ended = error, True
            if self._session is not None:
                self._end_session()

    def _sit_out_pause(self) -> None:
        if self._stopped:
            self._ended = True
        elif self._paused:
            self._told.sleep(_PAUSE_POLL_SECONDS)
        else:
            # Devices may have come and gone meanwhile.
            portaudio.refresh()
            self._open_session()

    def _open_session(self) -> None:
        try:
            self.device = find_device(input_devices(), self.wanted)
        except DeviceError:
            # It may have been plugged in since PortAudio started.
            portaudio.refresh()
            self.device = find_device(input_devices(), self.wanted)
        self._session = _Session(self.device, self._rate_hz, self._clock)
        self.opened_rate_hz = self._session.rate_hz
        self.opened_channels = self._session.channels

    def _end_session(self) -> None:
        """Close the device and keep what it had recorded."""
        session, self._session = self._session, None
        assert session is not None
        session.close()
        self._past_overflows += session.overflows
        self._take(session.read(0))
        self._take(session.finish())

    def _take(self, pieces: list[_Piece]) -> None:
        for piece in pieces:
            self._pieces.append(piece)
            self._heard = self._heard or bool(piece.samples.any())
            if not self._heard:
                self._zeros += len(piece.samples)
        if self._session is not None:
            self.delay_s = self._session.delay_s

    def _check(self, session: _Session) -> None:
        """Complain about a device that is gone, or silent for too long."""
        if session.is_gone():
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


class _Session:
    """One stretch of recording: the device is open from construction to `close`.

    Args:
        device: the device.
        to_rate_hz: rate of the samples that `read` returns.
        clock: seconds that only ever grow.

    Raises:
        DeviceError: it cannot be opened.
    """

    def __init__(self, device: Device, to_rate_hz: int, clock: Callable[[], float]) -> None:
        self._device = device
        self._clock = clock
        self._finished = False  # PortAudio ended the stream
        self.overflows = 0
        self._expected_adc_s: float | None = None
        self._frames_in = 0  # lost ones counted in
        self._samples_out = 0  # lost ones counted in
        self._carried = 0  # lost samples that wait for the block after them
        self._stream, self.rate_hz, self.channels = self._open(device, to_rate_hz)
        self._resampler = Resampler(self.rate_hz, to_rate_hz)
        try:
            self._last_callback = clock()
            self._stream.start()
        except portaudio.load().PortAudioError as error:
            self.close()
            raise portaudio.explain(error, device.name) from None

    # PortAudio's thread

    def _callback(self, frames: FloatArray, n: int, times: Any, status: Any) -> None:
        """Copy a block into the ring, and return.

        Args:
            frames: float32 (n, channels); PortAudio's own memory.
            n: frames in the block.
            times: PortAudio's times for it.
            status: PortAudio's flags.
        """
        begin_s = times.inputBufferAdcTime
        if status.input_overflow:
            self.overflows += 1
            if self._expected_adc_s is not None:
                missing = round((begin_s - self._expected_adc_s) * self.rate_hz)
                self._ring.skip(missing * self.channels)
        self._expected_adc_s = begin_s + n / self.rate_hz
        self._last_callback = self._clock()
        self._ring.write(frames.reshape(-1))

    def _on_finished(self) -> None:
        self._finished = True

    # The reading thread

    @property
    def delay_s(self) -> float:
        """How long ago the last sample that `read` returned had arrived."""
        return self._clock() - self._last_callback + self._resampler.delay_s

    def read(self, timeout_s: float) -> list[_Piece]:
        """What the device recorded, resampled; waits until there is something."""
        pieces: list[_Piece] = []
        waiting = self._ring.wait(timeout_s)
        while waiting:
            block = self._ring.read(self._ring.capacity)
            if block.lost:
                pieces += self._go_over(block.lost // self.channels)
            frames = block.samples.reshape(-1, self.channels)
            self._frames_in += len(frames)
            pieces += self._give(self._resampler.feed(frames))
            waiting = self._ring.wait(0)
        return pieces

    def finish(self) -> list[_Piece]:
        """What is left in the resampler, and a loss that nothing followed."""
        return [*self._give(self._resampler.finish()), *self._give_loss()]

    def is_gone(self) -> bool:
        """Whether the device has left: its stream ended, or sends nothing any more."""
        if self._ring.available:
            return False
        return self._finished or self._clock() - self._last_callback > GONE_SECONDS

    def close(self) -> None:
        """Give the device back; what it recorded can still be read. May be called twice."""
        stream, self._stream = self._stream, None
        if stream is None:
            return

        def close() -> None:
            stream.stop()
            stream.close()

        # In a thread of its own, for a driver that lost its device may hang here.
        closing = threading.Thread(target=close, name="close microphone", daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)

    def _go_over(self, lost_frames: int) -> list[_Piece]:
        """End the resampler before a gap, and count the gap at the rate of the samples.

        The count is made from totals, so that roundings never add up.
        """
        pieces = self._give(self._resampler.finish())
        self._frames_in += lost_frames
        position = round(self._frames_in * self._resampler.to_rate_hz / self.rate_hz)
        lost = position - self._samples_out
        if lost > 0:
            self._carried += lost
            self._samples_out += lost
        return pieces

    def _give(self, samples: FloatArray) -> list[_Piece]:
        if not len(samples):
            return []
        piece = _Piece(samples, self._carried)
        self._carried = 0
        self._samples_out += len(samples)
        return [piece]

    def _give_loss(self) -> list[_Piece]:
        lost, self._carried = self._carried, 0
        return [_Piece(np.zeros(0, np.float32), lost)] if lost else []

    def _open(self, device: Device, wanted_rate_hz: int) -> tuple[Any, float, int]:
        """The stream, its rate and its channels: the first way that the device takes."""
        sounddevice = portaudio.load()
        own_hz, most = device.rate_hz, device.channels
        ways = [(float(wanted_rate_hz), 1), (own_hz, 1), (own_hz, min(2, most)), (own_hz, most)]
        fault: Exception | None = None
        for rate_hz, channels in dict.fromkeys(ways):
            # Set before the stream is made, for the callback uses them.
            self.rate_hz, self.channels = rate_hz, channels
            seconds = round(DEVICE_RING_SECONDS * rate_hz)
            settings = {
                "device": device.number,
                "samplerate": rate_hz,
                "channels": channels,
                "dtype": "float32",
            }
            try:
                sounddevice.check_input_settings(**settings)
                self._ring = RingBuffer(seconds * channels)
                stream = sounddevice.InputStream(
                    **settings,
                    blocksize=round(BLOCK_SECONDS * rate_hz),
                    latency=LATENCY_SECONDS,
                    callback=self._callback,
                    finished_callback=self._on_finished,
                )
                return stream, rate_hz, channels
            except (sounddevice.PortAudioError, ValueError) as error:
                fault = error
        assert fault is not None
        raise portaudio.explain(fault, device.name) from None
