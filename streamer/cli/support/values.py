"""Values that no option takes: NaN, numbers beyond all use, and empty paths."""

from __future__ import annotations

from typing import Any, Callable

from streamer.cli.support.command_tree import options, walk
from streamer.cli.support.home import takes_path

#: As seconds, thirty years. Waiting and sleeping raise an exception for much more.
LARGEST = 1e9


def check_values(command: Any) -> None:
    """Make every option of a command tree refuse such values.

    They mostly come from scripts: ``--output-dir "$FOLDER"`` without a FOLDER would
    write where the script happens to run.

    Args:
        command: as returned by `typer.main.get_command`.
    """
    for _, each in walk(command):
        for param in options(each):
            param.process_value = _checking(param, param.process_value)


def _checking(param: Any, process: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return what processes an option's value and checks it."""

    def processed(context: Any, value: Any) -> Any:
        if value == "" and takes_path(param):
            param.type.fail("it is empty; give a path", param, context)
        found = process(context, value)
        for each in found if isinstance(found, (list, tuple)) else (found,):
            if isinstance(each, float) and not abs(each) <= LARGEST:
                param.type.fail(f"{each:g} is not a number up to {LARGEST:g}", param, context)
        return found

    return processed
