"""Where the socket is: in the runtime folder of the user, for nobody else."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from streamer.errors import OutputError, StreamerError

#: File name of the socket.
SOCKET = "control"


def runtime_folder() -> Path:
    """Return the folder of the socket: ``$XDG_RUNTIME_DIR/streamer``, or that of the system."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.path.isabs(base):
        return Path(base) / "streamer"
    if sys.platform == "darwin":  # TMPDIR is the user's own there
        return Path(os.environ.get("TMPDIR", "/tmp")) / f"streamer-{_user()}"
    return Path("/tmp") / f"streamer-{_user()}"


def socket_path() -> Path:
    """Return the path of the socket."""
    return runtime_folder() / SOCKET


def make_own_folder(folder: Path) -> None:
    """Create the folder; whoever else could have made it is refused.

    Raises:
        OutputError: it belongs to somebody else, others may enter it, or it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.lstat(folder)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be made ({error.strerror})",
            "set XDG_RUNTIME_DIR to a folder of yours",
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != _user() or found.st_mode & 0o077:
        raise OutputError(f"{folder} is not private", "remove it, or set XDG_RUNTIME_DIR")


def not_running() -> StreamerError:
    """Return the error of a command that finds no instance."""
    return StreamerError("streamer is not running", "start it: streamer listen --type --paused")


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0
