"""Whatever ffmpeg decodes, through a pipe from it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO, BinaryIO, Callable

from streamer.arrays import FloatArray
from streamer.audio.formats.containers import CONTAINERS
from streamer.audio.formats.reader import REPLACE
from streamer.audio.wav import read_wav_header
from streamer.errors import AudioError

_UNKNOWN = "not audio in a supported format"
_CHECK = "check that it plays; ffmpeg cannot decode it"

_DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)")
#: Lines of ffmpeg's log with their level: "[mov @ 0x5581] [error] moov atom not found".
_ERROR = re.compile(r"\[(?:error|fatal|panic)\] (.*)")
_SOURCE_OF_MESSAGE = re.compile(r"\[[^\]]* @ 0x[0-9a-f]+\] ?")

#: Beginnings of playlists and session descriptions: for their message, since none of them is among
#: the kinds of file that ffmpeg may open.
_PLAYLISTS = (b"#EXTM3U", b"ffconcat version", b"v=0")

#: Bytes per read: the capacity of a pipe.
_READ_BYTES = 65536

#: Sound that may be missing at the end of a track without being worth an error, in seconds.
_TOLERANCE_S = 0.5

#: How long ffmpeg may take to end by itself once its output is closed, in seconds.
_END_S = 5.0


def find_ffmpeg() -> str | None:
    """Return the path of ffmpeg; None if it is not on the PATH."""
    return shutil.which("ffmpeg")


class FfmpegReader:
    """The first sound track of a file or a stream, decoded by ffmpeg.

    Args:
        name: for messages.
        path: the file; None to decode a stream.
        pull: returns the next bytes of the stream, none at its end; raises
            AudioError. Called in a thread of its own.
        whole: whether ffmpeg gets the stream as a file, since it has to jump.
        kind: what it is, for messages: "an MP4 file".

    Raises:
        AudioError: ffmpeg is not there, or cannot decode this.
    """

    def __init__(
        self,
        name: str,
        path: Path | None = None,
        pull: Callable[[], bytes] | None = None,
        whole: bool = False,
        kind: str = "",
    ) -> None:
        self._name = name
        self._kind = kind
        self._copy: IO[bytes] | None = None
        self._errors: list[str] = []
        self._fault: AudioError | None = None  # of what feeds it
        self._pending = b""
        self._introduced = threading.Event()  # ffmpeg has said what the input is
        self._frames_read = 0
        self.seconds: float | None = None
        if pull is not None and whole:
            self._copy = _spool(pull)
            path = Path(self._copy.name)
        if path is not None and path.is_file():
            with contextlib.suppress(OSError), path.open("rb") as file:  # ffmpeg names the reason
                self._refuse_playlist(file.read(64))
        self._process = self._start("pipe:0" if path is None else f"file:{os.fspath(path)}", pull)
        assert self._process.stdout is not None
        self._output: BinaryIO = self._process.stdout  # type: ignore[assignment]
        # Both threads are daemons: they wait for other programs.
        self._log = threading.Thread(target=self._read_log, name="ffmpeg log", daemon=True)
        self._log.start()
        if pull is not None and path is None:
            threading.Thread(
                target=self._feed, args=(pull,), name="ffmpeg input", daemon=True
            ).start()
        try:
            header = read_wav_header(self._read_exactly, name)
        except AudioError:
            reason = self._end()
            self.close()
            raise self._refusal(reason) from None
        self._format = header.format
        self.rate_hz = float(header.format.rate_hz)
        self._introduced.wait(_END_S)

    def read(self) -> FloatArray | None:
        """See `FrameReader.read`."""
        frame_bytes = self._format.frame_bytes
        data = self._pending + self._read_some(frame_bytes - len(self._pending))
        whole = len(data) // frame_bytes * frame_bytes
        data, self._pending = data[:whole], data[whole:]
        if data:
            self._frames_read += len(data) // frame_bytes
            return self._format.decode(data)
        reason = self._end()
        if self._fault is not None:
            raise self._fault
        if not self._frames_read:
            raise self._refusal(reason)
        if reason:
            seconds = self._frames_read / self.rate_hz
            raise AudioError(
                f"{self._name} is truncated or damaged after {seconds:.2f} s ({reason})", REPLACE
            )
        return None

    def close(self) -> None:
        """End ffmpeg; may be called twice."""
        self._process.kill()
        self._process.wait()
        self._log.join(_END_S)
        with contextlib.suppress(OSError):
            self._output.close()
        if self._copy is not None:
            self._copy.close()

    def _read_some(self, least: int) -> bytes:
        """Return what there is, at least so many bytes; fewer only at the end."""
        data = b""
        while len(data) < least:
            more = self._output.read(_READ_BYTES)
            if not more:
                break
            data += more
        return data

    def _read_exactly(self, n: int) -> bytes:
        data = self._pending + self._read_some(n - len(self._pending))
        self._pending = data[n:]
        return data[:n]

    def _refuse_playlist(self, start: bytes) -> None:
        if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_PLAYLISTS):
            if self._copy is not None:
                self._copy.close()
            raise AudioError(f"{self._name} is a playlist", "name the recordings in it")

    def _start(self, given: str, pull: Callable[[], bytes] | None) -> subprocess.Popen[bytes]:
        program = find_ffmpeg()
        if program is None:
            raise AudioError(f"{self._name} needs ffmpeg", "install ffmpeg")
        # Nothing but this file may be opened: a playlist could name others, or addresses on the
        # network.
        arguments = [
            program, "-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info",
            "-protocol_whitelist", "file,pipe", "-format_whitelist", ",".join(CONTAINERS),
            "-i", given,
            "-map", "0:a:0", "-f", "wav", "-c:a", "pcm_f32le", "pipe:1",
        ]  # fmt: skip
        feeding = given == "pipe:0" and pull is not None
        try:
            return subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE if feeding else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                # A Ctrl-C is ours; ffmpeg ends when its output is closed.
                start_new_session=os.name == "posix",
            )
        except OSError as error:
            raise AudioError(f"ffmpeg cannot be run ({error})", "install it again") from None

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        with contextlib.suppress(OSError, ValueError), self._process.stderr as log:
            for raw in log:
                line = raw.decode("utf-8", "replace").strip()
                found = _DURATION.search(line)
                if found and self.seconds is None:
                    hours, minutes, seconds = found.groups()
                    self.seconds = 3600 * int(hours) + 60 * int(minutes) + float(seconds)
                if "Duration:" in line:
                    self._introduced.set()
                error = _ERROR.search(line)
                if error:
                    self._errors.append(_SOURCE_OF_MESSAGE.sub("", error.group(1)).rstrip("."))
        self._introduced.set()

    def _feed(self, pull: Callable[[], bytes]) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        with contextlib.suppress(OSError, ValueError), pipe:  # ffmpeg may have ended
            try:
                for number, data in enumerate(iter(pull, b"")):
                    if number == 0:
                        self._refuse_playlist(data)
                    pipe.write(data)
            except AudioError as error:
                self._fault = error

    def _end(self) -> str:
        """Wait for ffmpeg to end; return what it says went wrong, empty for nothing."""
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._log.join(_END_S)
        if code:
            return self._errors[0] if self._errors else f"ffmpeg ended with code {code}"
        # Decoders complain about much that costs nothing.
        decoded_s = self._frames_read / self.rate_hz if self._frames_read else 0.0
        if self._errors and decoded_s < (self.seconds or 0.0) - _TOLERANCE_S:
            return self._errors[0]
        return "" if self._frames_read or not self._errors else self._errors[0]

    def _refusal(self, reason: str) -> AudioError:
        if re.search("matches no streams|Format not on whitelist", " ".join(self._errors)):
            return AudioError(f"{self._name} has no sound", "give a recording with a sound track")
        if "Invalid data found" in reason or not reason:
            what = f"{self._kind} that ffmpeg cannot decode" if self._kind else _UNKNOWN
            return AudioError(f"{self._name} is {what}", "give another recording")
        return AudioError(f"{self._name} cannot be read as audio ({reason})", _CHECK)


def _spool(pull: Callable[[], bytes]) -> IO[bytes]:
    """Return a temporary file, deleted when closed, with all that a stream gives."""
    copy = tempfile.NamedTemporaryFile(prefix="streamer-")  # noqa: SIM115
    try:
        for data in iter(pull, b""):
            copy.write(data)
        copy.flush()
    except OSError as error:
        copy.close()
        raise AudioError(
            f"the stream cannot be kept in {tempfile.gettempdir()} ({error.strerror or error})",
            "free some space, or give the file by name",
        ) from None
    except BaseException:
        copy.close()
        raise
    return copy
