"""A recording device: PortAudio's callback, and the ring that it writes to.

    PortAudio's thread --copy--> device ring --reading thread: mix down, resample--> samples

Three rules keep the callback safe: it copies its block and returns, it takes
no lock, it calls nothing that could wait.

After a break in the device's blocks, frames are held until it is known how
much is missing (`streamer.audio.sources.timeline`), so that the gap comes
before them.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Callable, NamedTuple

import numpy as np

from streamer.arrays import FloatArray
from streamer.audio import portaudio
from streamer.audio.devices import Device
from streamer.audio.resampling import Resampler
from streamer.audio.ring import RingBuffer
from streamer.audio.sources.timeline import BREAK_SECONDS, Timeline
from streamer.audio.sources.watch import Watch

#: Block length of the callback. PortAudio's own choice may be 2 ms, which costs
#: too much per sample.
BLOCK_SECONDS = 0.02

#: PortAudio's buffer for a callback that is late. The callback needs the GIL,
#: which a decoder may hold for tens of milliseconds; the default of 35 ms
#: would overflow.
LATENCY_SECONDS = 0.1

#: Ring between the callback and the reading thread, which does little else:
#: only a suspended machine fills it.
DEVICE_RING_SECONDS = 10.0

#: A device sends blocks all the time, even of silence. If none comes for this
#: long, the user should know.
SILENCE_SECONDS = 1.5

#: After this time without a block it is gone, whatever its state says.
GONE_SECONDS = 4.0

#: A driver that lost its device may never return from closing it.
_CLOSE_SECONDS = 2.0


class DeviceBlock(NamedTuple):
    """Samples ready to be read."""

    samples: FloatArray  # empty if only a loss is reported
    lost: int  # samples missing just before them


class _Arrival(NamedTuple):
    """A block that the callback has written to the ring."""

    time_s: float
    frames: int  # lost ones before it included


class _Held(NamedTuple):
    """Frames received after a break."""

    lost: int  # frames missing just before them
    frames: FloatArray  # (n, channels)


class DeviceStream:
    """A device, open from construction to `close`.

    Args:
        device: the device.
        to_rate_hz: sample rate for `read`.
        clock: monotonic, time asleep included, in seconds; also called by the
            callback.
        timeline: what was received so far, perhaps from another device.
        watch: ticks with every `read`.

    Raises:
        DeviceError: it cannot be opened.
    """

    def __init__(
        self,
        device: Device,
        to_rate_hz: int,
        clock: Callable[[], float],
        timeline: Timeline,
        watch: Watch,
    ) -> None:
        self._device = device
        self._clock = clock
        self._timeline = timeline
        self._watch = watch
        self._heard_at_s = watch.ran_s  # on the watch, when the last block was seen
        self._arrivals: deque[_Arrival] = deque()
        self._frames_seen = 0  # of arrivals taken; a position in the ring
        self._held: list[_Held] | None = [] if timeline.broken else None
        self._close_thread: threading.Thread | None = None
        self._finished = False  # PortAudio ended the stream
        self.overflows = 0
        self._expected_adc_s: float | None = None
        self._frames_in = 0  # including lost ones
        self._samples_out = 0  # including lost ones
        self._carried = 0  # lost samples, to be reported with the next block
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
        """Copy a block into the ring.

        Args:
            frames: float32 (n, channels); PortAudio's own memory.
            n: frames in the block.
            times: PortAudio's times.
            status: PortAudio's flags.
        """
        begin_s, now_s = times.inputBufferAdcTime, self._clock()
        missing = 0
        if status.input_overflow:
            self.overflows += 1
            # After a longer break the clock decides what is missing.
            in_time = now_s - self._last_callback <= BREAK_SECONDS
            if self._expected_adc_s is not None and in_time:
                missing = max(0, round((begin_s - self._expected_adc_s) * self.rate_hz))
        self._expected_adc_s = begin_s + n / self.rate_hz
        self._last_callback = now_s
        # First: the reading thread reads no further than it knows.
        self._arrivals.append(_Arrival(now_s, missing + n))
        self._ring.skip(missing * self.channels)
        self._ring.write(frames.reshape(-1))

    def _on_finished(self) -> None:
        self._finished = True

    # The reading thread

    @property
    def delay_s(self) -> float:
        """Age of the last sample that `read` returned, in seconds."""
        return self._clock() - self._last_callback + self._resampler.delay_s

    @property
    def heard(self) -> bool:
        """Whether a block has come."""
        return self._frames_seen > 0

    @property
    def closing(self) -> bool:
        """Whether the driver still hangs in closing the device."""
        return self._close_thread is not None and self._close_thread.is_alive()

    @property
    def silent_s(self) -> float:
        """How long no block has come, in seconds in which the reading thread ran."""
        return self._watch.ran_s - self._heard_at_s

    def read(self, timeout_s: float) -> list[DeviceBlock]:
        """Return what the device recorded, resampled; waits until there is something."""
        waiting = self._ring.wait(timeout_s)
        stop = self._watch.tick()
        if stop is not None:
            self._timeline.stopped(stop)
        blocks: list[DeviceBlock] = []
        while waiting:
            self._heard_at_s = self._watch.ran_s
            blocks += self._take_arrivals()
            waiting = self._ring.wait(0) and bool(self._arrivals)
        if self._held is not None and self._timeline.settled(self._clock()):
            blocks += self._settle()
        return blocks

    def finish(self) -> list[DeviceBlock]:
        """Return the rest of the resampler, and a loss at the very end."""
        blocks = self._settle() if self._held is not None else []
        return [*blocks, *self._give(self._resampler.finish()), *self._give_loss()]

    def is_gone(self) -> bool:
        """Whether the device is gone: its stream ended, or nothing comes any more."""
        if self._ring.available:
            return False
        return self._finished or self.silent_s > GONE_SECONDS

    def close(self) -> None:
        """Close the device; what it recorded can still be read. May be called twice."""
        stream, self._stream = self._stream, None
        if stream is None:
            return

        def close() -> None:
            stream.stop()
            stream.close()

        # In a background thread, because a driver that lost its device may hang here.
        self._close_thread = threading.Thread(target=close, name="close microphone", daemon=True)
        self._close_thread.start()
        self._close_thread.join(_CLOSE_SECONDS)

    def _take_arrivals(self) -> list[DeviceBlock]:
        """Take everything that has arrived; hold what follows a break."""
        blocks: list[DeviceBlock] = []
        while self._arrivals:
            arrival = self._arrivals.popleft()
            if self._timeline.arrive(arrival.time_s, arrival.frames / self.rate_hz):
                blocks += self._take_frames()
                self._held = []
            self._frames_seen += arrival.frames
        return blocks + self._take_frames()

    def _take_frames(self) -> list[DeviceBlock]:
        """Take what has arrived out of the ring."""
        blocks: list[DeviceBlock] = []
        while True:
            rest = self._frames_seen * self.channels - self._ring.position
            if rest <= 0 or not self._ring.wait(0):
                return blocks
            taken = self._ring.read(rest)
            frames = taken.samples.reshape(-1, self.channels)
            held = _Held(taken.lost // self.channels, frames)
            if self._held is None:
                blocks += self._pass_on(held)
            else:
                self._held.append(held)

    def _settle(self) -> list[DeviceBlock]:
        """End a break: put the gap before what was held, and drop what came too late."""
        held, self._held = self._held or [], None
        missing = self._timeline.settle()
        gap = round(missing.gap_s * self.rate_hz)
        drop = round(missing.late_s * self.rate_hz)
        blocks = self._go_over(gap) if gap else []
        for lost, frames in held:
            skipped = min(drop, lost)
            dropped = min(drop - skipped, len(frames))
            drop -= skipped + dropped
            blocks += self._pass_on(_Held(lost - skipped, frames[dropped:]))
        return blocks

    def _pass_on(self, held: _Held) -> list[DeviceBlock]:
        """Resample frames, after the loss before them."""
        blocks = self._go_over(held.lost) if held.lost else []
        self._frames_in += len(held.frames)
        return blocks + self._give(self._resampler.feed(held.frames))

    def _go_over(self, lost_frames: int) -> list[DeviceBlock]:
        """Flush the resampler before a gap, and convert the gap to the output rate.

        The conversion uses totals, so that rounding errors do not add up.
        """
        blocks = self._give(self._resampler.finish())
        self._frames_in += lost_frames
        position = round(self._frames_in * self._resampler.to_rate_hz / self.rate_hz)
        lost = position - self._samples_out
        if lost > 0:
            self._carried += lost
            self._samples_out += lost
        return blocks

    def _give(self, samples: FloatArray) -> list[DeviceBlock]:
        if not len(samples):
            return []
        block = DeviceBlock(samples, self._carried)
        self._carried = 0
        self._samples_out += len(samples)
        return [block]

    def _give_loss(self) -> list[DeviceBlock]:
        lost, self._carried = self._carried, 0
        return [DeviceBlock(np.zeros(0, np.float32), lost)] if lost else []

    def _open(self, device: Device, wanted_rate_hz: int) -> tuple[Any, float, int]:
        """Return the stream, its rate and its channels: the first settings that work."""
        sounddevice = portaudio.load()
        own_hz, most = device.rate_hz, device.channels
        ways = [(float(wanted_rate_hz), 1), (own_hz, 1), (own_hz, min(2, most)), (own_hz, most)]
        fault: Exception | None = None
        for rate_hz, channels in dict.fromkeys(ways):
            # Set before the stream exists, because the callback uses them.
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
