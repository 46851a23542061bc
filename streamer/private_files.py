"""Files and folders that only their owner can read, for what streamer puts somewhere by itself.

Where the user names the place (``--output``, ``--output-dir``), the umask decides instead.
"""

from __future__ import annotations

import os
from pathlib import Path

#: Read and write for the owner, nothing for others.
FILE_MODE = 0o600
FOLDER_MODE = 0o700


def private_opener(name: str, flags: int) -> int:
    """Open a file; one that this creates is private: ``open(path, "x", opener=private_opener)``."""
    return os.open(name, flags, FILE_MODE)


def make_private_folder(folder: Path) -> None:
    """Create a folder and those above it, all private; one that exists keeps its mode.

    Raises:
        OSError: it cannot be created, or is a file.
    """
    if not folder.is_dir():
        if folder.parent != folder:
            make_private_folder(folder.parent)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
