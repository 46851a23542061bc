"""Saves what was heard, as FLAC: a file of the whole stream, or one for each utterance."""

from __future__ import annotations

from pathlib import Path

from streamer.saving.session_file import SessionFile
from streamer.saving.utterance_files import UtteranceFiles

__all__ = ["SessionFile", "UtteranceFiles", "audio_saver"]


def audio_saver(target: Path) -> SessionFile | UtteranceFiles:
    """Return the stage for a value of ``--save-audio``: a name of a FLAC file, or a folder.

    Raises:
        OutputError: the file exists, or neither can be made.
    """
    if target.suffix.lower() == ".flac" and not target.is_dir():
        return SessionFile(target)
    return UtteranceFiles(target)
