"""Placeholders of values in ``--help``: ``--steps N`` instead of ``--steps <int range>``."""

from __future__ import annotations

from typing import Any

from streamer.cli.support.command_tree import walk

#: By a word in the name of the type, in the order in which they are tried.
_OF_TYPES = (("path", "PATH"), ("file", "PATH"), ("int", "N"), ("float", "NUMBER"))
_OTHER = "TEXT"


def name_values(command: Any) -> None:
    """Give every value of a command tree that has no placeholder one in capitals.

    Args:
        command: as returned by `typer.main.get_command`.
    """
    for _, each in walk(command):
        for param in each.params:
            if param.metavar is not None:
                continue
            if param.param_type_name == "argument":
                param.metavar = str(param.name).upper() + ("..." if param.nargs != 1 else "")
            elif not param.is_flag and not getattr(param, "count", False):
                param.metavar = _placeholder(param.type)


def _placeholder(kind: Any) -> str:
    """Return the placeholder of an option by its type, which is Click's or Typer's own."""
    choices = getattr(kind, "choices", None)
    if choices:
        return "|".join(map(str, choices))
    name = str(getattr(kind, "name", "")).lower()
    return next((placeholder for word, placeholder in _OF_TYPES if word in name), _OTHER)
