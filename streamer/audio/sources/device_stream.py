"""A device that records: PortAudio's callback, and the ring that it writes into."""

from __future__ import annotations

import threading
from typing import Any, Callable, NamedTuple

import numpy as np

from streamer.arrays import FloatArray
from streamer.audio import portaudio
from streamer.audio.devices import Device
from streamer.audio.resampling import Resampler
from streamer.audio.ring import RingBuffer

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

#: A driver that lost its device may never come back from closing it.
_CLOSE_SECONDS = 2.0


class DeviceBlock(NamedTuple):
    """Samples that wait to be read."""

    samples: FloatArray  # none where only a loss is to be told
    lost: int  # samples missing just before them


class DeviceStream:
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

    def read(self, timeout_s: float) -> list[DeviceBlock]:
        """What the device recorded, resampled; waits until there is something."""
        blocks: list[DeviceBlock] = []
        waiting = self._ring.wait(timeout_s)
        while waiting:
            taken = self._ring.read(self._ring.capacity)
            if taken.lost:
                blocks += self._go_over(taken.lost // self.channels)
            frames = taken.samples.reshape(-1, self.channels)
            self._frames_in += len(frames)
            blocks += self._give(self._resampler.feed(frames))
            waiting = self._ring.wait(0)
        return blocks

    def finish(self) -> list[DeviceBlock]:
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

    def _go_over(self, lost_frames: int) -> list[DeviceBlock]:
        """End the resampler before a gap, and count the gap at the rate of the samples.

        The count is made from totals, so that roundings never add up.
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
