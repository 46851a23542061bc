"""Environment variables for options: ``STREAMER_BEAM=64``.

Options of the commands that transcribe are ``STREAMER_<NAME>``. Those of other
commands include the command: ``STREAMER_TRAIN_STEPS``.
"""

from __future__ import annotations

import os
from typing import Any

from streamer.cli.support.command_tree import is_speech, key, options, walk

#: Names the config file to use instead of the one in the user's config folder.
CONFIG_VARIABLE = "STREAMER_CONFIG"
_PREFIX = "STREAMER_"


def bind_environment(command: Any) -> None:
    """Give every option of a command tree its environment variable.

    Args:
        command: as returned by `typer.main.get_command`.
    """
    for path, each in walk(command):
        for param in options(each):
            parts = (key(param),) if is_speech(path) else (*path, key(param))
            param.envvar = _PREFIX + "_".join(parts).upper().replace("-", "_")


def variable_of(param: Any) -> str:
    """Return the environment variable that sets an option now, empty if there is none."""
    names = [param.envvar] if isinstance(param.envvar, str) else list(param.envvar or [])
    return next((name for name in names if os.environ.get(name)), "")
