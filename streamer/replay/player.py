"""Plays a recording from anywhere, in a thread of its own."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, Callable, Protocol

from streamer.arrays import FloatArray
from streamer.audio import portaudio
from streamer.errors import AudioError, DeviceError, system_reason
from streamer.untrusted.regular_files import require_regular

#: Length of a block: short enough for a key to take effect at once, in seconds.
_BLOCK_S = 0.03


class Output(Protocol):
    """Where sound goes."""

    latency_s: float

    def write(self, frames: FloatArray) -> None:
        """Play frames, float32 (n, channels); returns when there is room for more."""

    def close(self) -> None:
        """Release the device."""


class Loudspeaker:
    """The default output.

    Raises:
        DeviceError: there is none.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        sounddevice = portaudio.load()
        try:
            self._stream: Any = sounddevice.OutputStream(
                samplerate=rate_hz, channels=channels, dtype="float32"
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise DeviceError(
                f"no sound can be played ({' '.join(str(error).split())})",
                "connect a loudspeaker, or add --mute",
            ) from None
        self.latency_s = float(self._stream.latency)

    def write(self, frames: FloatArray) -> None:
        """Play frames."""
        self._stream.write(frames)

    def close(self) -> None:
        """Release the device."""
        self._stream.stop()
        self._stream.close()


class Mute:
    """Takes as long as a loudspeaker, without a sound."""

    latency_s = 0.0

    def __init__(
        self, rate_hz: int, channels: int, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._rate_hz = rate_hz
        self._sleep = sleep

    def write(self, frames: FloatArray) -> None:
        """Wait as long as the frames last."""
        self._sleep(len(frames) / self._rate_hz)

    def close(self) -> None:
        """Do nothing."""


class Player:
    """Plays one recording; all methods may be called by any thread.

    Args:
        path: of a recording that libsndfile reads.
        make_output: makes the output, given its rate and channels.

    Attributes:
        seconds: length of the recording.

    Raises:
        AudioError: it cannot be read, or there is no output.
    """

    def __init__(self, path: Path, make_output: Callable[[int, int], Output] = Loudspeaker) -> None:
        import soundfile

        try:
            require_regular(path)
            self._file: Any = soundfile.SoundFile(str(path))
        except (OSError, soundfile.SoundFileError) as error:
            reason = system_reason(error) if isinstance(error, OSError) else str(error)
            raise AudioError(
                f"{path} cannot be played ({' '.join(reason.split())})",
                "give a FLAC or WAV file, as --save-audio makes",
            ) from None
        self._rate_hz: int = self._file.samplerate
        self.seconds: float = self._file.frames / self._rate_hz
        self._output = make_output(self._rate_hz, self._file.channels)
        self._changed = threading.Condition()
        self._frame = 0
        self._end = 0
        self._seek = False
        self._playing = False
        self._closing = False
        self._error: AudioError | None = None
        self._thread = threading.Thread(target=self._run, name="replay", daemon=True)
        self._thread.start()

    @property
    def playing(self) -> bool:
        """Whether it plays."""
        with self._changed:
            if self._error is not None:
                raise self._error
            return self._playing

    @property
    def position_s(self) -> float:
        """What is heard now, in seconds of the recording."""
        with self._changed:
            delay_s = self._output.latency_s if self._playing else 0.0
            return max(0.0, self._frame / self._rate_hz - delay_s)

    def play(self, start_s: float, end_s: float | None = None) -> None:
        """Play from a time, to another or to the end, in seconds."""
        end_s = self.seconds if end_s is None else min(end_s, self.seconds)
        with self._changed:
            self._frame = round(max(0.0, start_s) * self._rate_hz)
            self._end = round(end_s * self._rate_hz)
            self._seek = self._playing = True
            self._changed.notify_all()

    def pause(self) -> None:
        """Stop at what is heard now."""
        with self._changed:
            if self._playing:
                delay = round(self._output.latency_s * self._rate_hz)
                self._frame = max(0, self._frame - delay)
            self._playing = False

    def close(self) -> None:
        """Stop and release the device; may be called twice."""
        with self._changed:
            self._closing, self._playing = True, False
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._play_block():
                pass
        except Exception as error:  # of PortAudio, or of libsndfile
            self._error = AudioError(
                f"playing failed ({' '.join(str(error).split())})", "try --mute"
            )
        finally:
            self._playing = False
            self._output.close()
            self._file.close()

    def _play_block(self) -> bool:
        """Play the next block, or wait for something to play; false at the end."""
        with self._changed:
            while not self._playing and not self._closing:
                self._changed.wait()
            if self._closing:
                return False
            if self._seek:
                self._file.seek(min(self._frame, self._file.frames))
                self._seek = False
            length = min(round(_BLOCK_S * self._rate_hz), self._end - self._frame)
            frames = self._file.read(max(0, length), dtype="float32", always_2d=True)
            if not len(frames):
                self._playing = False
                return True
        self._output.write(frames)
        with self._changed:
            if not self._seek and self._playing:
                self._frame += len(frames)
        return True
