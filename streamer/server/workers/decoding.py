"""Uploaded recordings, each decoded in a process of its own.

Strangers choose the file, and libraries in C read it. Whatever one of them breaks or leaks ends
with its process: libsndfile 1.2.2 keeps 2.9 KB of each damaged Ogg Vorbis file.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from streamer.arrays import FloatArray
from streamer.audio.sources.recording import RecordingSource
from streamer.errors import AudioError, StreamerError

#: First byte of what the process sends: the file is open; float32 samples; the end; an error in
#: JSON. No pickles: a process that reads hostile files may not be trusted either.
_OPENED, _SAMPLES, _END, _ERROR = b"o", b"s", b".", b"e"


class DecodingProcess:
    """A recording that another process decodes. Its methods block: they belong in a thread.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None

    @property
    def pid(self) -> int | None:
        """Number of the process; None where there is none."""
        return self._process.pid if self._process is not None else None

    def open(self, rate_hz: int) -> None:
        """Start the process and wait until it has opened the file.

        Raises:
            AudioError: it cannot be read.
        """
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_decode, args=(theirs, os.fspath(self._path), rate_hz), daemon=True
        )
        self._process.start()
        theirs.close()
        self._receive()

    def read(self) -> FloatArray | None:
        """Return the next samples, float32 (n,); None at the end.

        Raises:
            AudioError: the file is truncated or damaged here.
        """
        kind, data = self._receive()
        return np.frombuffer(data, np.float32) if kind == _SAMPLES else None

    def close(self) -> None:
        """End the process; may be called twice, and while another thread waits for samples."""
        process, self._process = self._process, None
        connection, self._connection = self._connection, None
        if process is None or connection is None:
            return
        process.kill()
        process.join()
        connection.close()

    def _receive(self) -> tuple[bytes, bytes]:
        """Return the kind of the next message, and what it contains."""
        failure = AudioError("the recording cannot be decoded", "convert it to WAV or FLAC")
        if self._connection is None:
            raise failure
        try:
            message = self._connection.recv_bytes()
        except (EOFError, OSError):  # a crash
            raise failure from None
        kind, data = message[:1], message[1:]
        if kind == _ERROR:
            raise AudioError(*json.loads(data))
        return kind, data


def _decode(connection: Connection, path: str, rate_hz: int) -> None:
    """Send the samples of a recording; runs in the process."""
    # The server decides when it ends: a Ctrl-C in its terminal reaches this process, too.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    # What libraries say about damaged files is nobody's concern.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    source = RecordingSource(path)
    with contextlib.suppress(OSError):  # the server has gone
        try:
            source.open(rate_hz)
            connection.send_bytes(_OPENED)
            while (samples := source.read()) is not None:
                connection.send_bytes(_SAMPLES + samples.astype(np.float32, copy=False).tobytes())
            connection.send_bytes(_END)
        except StreamerError as error:
            connection.send_bytes(_ERROR + json.dumps([error.what, error.todo]).encode())
        finally:
            source.close()
