"""``~`` and ``$HOME`` in paths that no shell has expanded."""

from __future__ import annotations

import os
import re
from typing import Any, Callable

from streamer.cli.support.command_tree import options, walk

#: Words of an option's placeholder by which it takes a path.
_PATHS = ("FILE", "FOLDER", "PATH")

_HOME = re.compile(r"\$(?:HOME\b|\{HOME\})")


def expand(path: str) -> str:
    """Replace ``~`` and ``~name`` at the beginning, ``$HOME`` and ``${HOME}`` anywhere."""
    home = os.path.expanduser("~")
    return os.path.expanduser(_HOME.sub(lambda _: home, path))


def expand_paths(command: Any) -> None:
    """Make every option of a command tree that takes a path expand it.

    The shell does so for ``--output ~/x``, but not for ``--output=~/x``, the
    environment and the config file.

    Args:
        command: as returned by `typer.main.get_command`.
    """
    for _, each in walk(command):
        for param in options(each):
            if takes_path(param):
                param.process_value = _expanding(param.process_value)


def takes_path(param: Any) -> bool:
    """Return whether an option takes the path of a file or folder."""
    # Older versions of Typer have Click's type, newer ones their own description of it.
    kind = repr(getattr(param, "type_descriptor", getattr(param, "type", "")))
    return "path" in kind.lower() or any(word in (param.metavar or "") for word in _PATHS)


def _expanding(process: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return what processes an option's value after expanding it."""

    def processed(context: Any, value: Any) -> Any:
        return process(context, expand(value) if isinstance(value, str) else value)

    return processed
