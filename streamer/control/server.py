"""The side of the running instance: commands in, states out."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Callable

from streamer.control.address import make_own_folder, socket_path
from streamer.control.status import StatusBoard
from streamer.errors import OutputError

#: Commands are words; anything longer is none.
_MOST_BYTES = 64
#: A client that sends nothing is dropped, in seconds.
_COMMAND_S = 2.0
#: Between two states for a follower, in seconds: as often as a bar can use.
_PACE_S = 0.1
#: A follower hears from us at least this often, in seconds; so its end is noticed.
_IDLE_S = 5.0


class ControlServer:
    """Listens on the socket, in threads.

    Args:
        board: the status.
        commands: what ``start``, ``stop`` and ``toggle`` do; called in a thread.
        path: of the socket; None for the usual place.
    """

    def __init__(
        self,
        board: StatusBoard,
        commands: Mapping[str, Callable[[], None]],
        path: Path | None = None,
    ) -> None:
        self._board = board
        self._commands = commands
        self._path = socket_path() if path is None else path
        self._socket: socket.socket | None = None
        self._closing = threading.Event()

    def open(self) -> bool:
        """Start to listen; return false if another instance does.

        Raises:
            OutputError: the socket cannot be made.
        """
        if not hasattr(socket, "AF_UNIX"):
            return False
        make_own_folder(self._path.parent)
        if is_served(self._path):
            return False
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()  # of an instance that was killed
            listener.bind(str(self._path))
            os.chmod(self._path, 0o600)
            listener.listen(8)
        except OSError as error:
            listener.close()
            raise OutputError(
                f"{self._path} cannot be made ({error.strerror or error})",
                "set XDG_RUNTIME_DIR to a folder of yours",
            ) from error
        self._socket = listener
        threading.Thread(target=self._accept, name="control", daemon=True).start()
        return True

    def close(self) -> None:
        """Stop to listen and remove the socket; may be called twice."""
        listener, self._socket = self._socket, None
        if listener is None:
            return
        self._closing.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _accept(self) -> None:
        listener = self._socket
        assert listener is not None
        while not self._closing.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(
                target=self._serve, args=(client,), name="control client", daemon=True
            ).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(_COMMAND_S)
            command = _read_line(client)
            action = self._commands.get(command)
            if action is not None:
                action()
            elif command not in ("status", "follow"):
                client.sendall(b'{"error": "unknown command"}\n')
                return
            seen, status = self._board.wait(-1, 0)
            _send(client, status.as_json())
            while command == "follow" and not self._closing.wait(_PACE_S):
                seen, status = self._board.wait(seen, _IDLE_S)
                _send(client, status.as_json())


def is_served(path: Path) -> bool:
    """Whether an instance listens on a socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def _read_line(client: socket.socket) -> str:
    data = b""
    while b"\n" not in data and len(data) < _MOST_BYTES:
        part = client.recv(_MOST_BYTES)
        if not part:
            break
        data += part
    return data.split(b"\n")[0].decode("ascii", "replace").strip()


def _send(client: socket.socket, values: Mapping[str, object]) -> None:
    client.sendall(json.dumps(values).encode() + b"\n")
