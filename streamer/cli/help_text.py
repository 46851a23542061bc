"""``streamer --help``: the options that matter; ``streamer --help-all``: every option.

Made from the command tree, so that nothing is missing and no word is cut.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

#: Starts that most people need, and what they do.
STARTS = (
    ("streamer", "listen to the microphone"),
    ("streamer talk.flac", "transcribe a recording"),
    ("streamer demo", "play the bundled sample as if you said it"),
    ("streamer doctor", "check microphone and model, and say what to do"),
)
#: The options of ``listen`` and ``transcribe`` that most people need.
OPTIONS = (
    "--device",
    "--output",
    "--format",
    "--timestamps",
    "--model",
    "--word",
    "--dictation",
    "--type",
    "--verbatim",
    "--plain",
)
#: Columns at most.
WIDEST = 88
_SPEECH = ("listen", "transcribe")
_INDENT = "  "
_BETWEEN = 3


def short_help(command: Any) -> str:
    """Return the help of the whole program, with the options that matter.

    Args:
        command: the command tree, as returned by `typer.main.get_command`.
    """
    parameters = {
        name: param for each in _SPEECH for param in _options(command.commands[each])
        for name in param.opts
    }  # fmt: skip
    commands = [(name, _summary(each)) for name, each in command.commands.items()]
    parts = [
        "Usage: streamer [COMMAND] [OPTIONS]",
        textwrap.fill(
            str(command.help), _width(), initial_indent=_INDENT, subsequent_indent=_INDENT
        ),
        _columns(STARTS),
        "Options that matter:\n" + _columns(_described(parameters[name]) for name in OPTIONS),
        "Commands:\n" + _columns(commands),
        _columns(
            [
                ("streamer COMMAND --help", "the options of a command"),
                ("streamer --help-all", "every option of listen and transcribe"),
                ("streamer --version", "the version"),
                ("streamer --install-completion", "completion for your shell"),
            ]
        ),
    ]
    return "\n\n".join(parts)


def long_help(command: Any) -> str:
    """Return every option of ``listen`` and ``transcribe``, in groups, with its variable."""
    groups: dict[str, dict[str, tuple[str, str]]] = {}
    for name in _SPEECH:
        for param in _options(command.commands[name]):
            group = getattr(param, "rich_help_panel", None) or f"Only streamer {name}"
            what, does = _described(param)
            if param.envvar and not param.is_eager:
                does = f"{does} [{param.envvar}]"
            groups.setdefault(group, {})[what] = (what, does)
    parts = [f"{group}:\n{_columns(rows.values())}" for group, rows in groups.items()]
    return "\n\n".join(["Options of streamer listen and streamer transcribe", *parts])


def _options(command: Any) -> list[Any]:
    return [
        param
        for param in command.params
        if param.param_type_name == "option" and not param.hidden and "--help" not in param.opts
    ]


def _summary(command: Any) -> str:
    """Return the first sentence of a command's help, whole."""
    return " ".join(str(command.help or "").split("\n\n")[0].split())


def _described(param: Any) -> tuple[str, str]:
    """Return how an option is written, and what it does."""
    names = sorted(param.opts, key=len)
    written = ", ".join(names)
    if not param.is_flag:
        written += f" {param.metavar or 'VALUE'}"
    return written, param.help or ""


def _columns(rows: Iterable[Sequence[str]]) -> str:
    """Arrange names and what belongs to them in two columns, wrapped under the second."""
    listed = list(rows)
    width = _width()
    name_room = min(max(len(row[0]) for row in listed), width // 2 - _BETWEEN)
    at = len(_INDENT) + name_room + _BETWEEN
    lines: list[str] = []
    for name, text in listed:
        wrapped = textwrap.wrap(text, width - at, break_on_hyphens=False) or [""]
        if len(name) > name_room:
            lines.append(_INDENT + name)
            name = ""
        lines.append(f"{_INDENT}{name:{name_room + _BETWEEN}}{wrapped[0]}".rstrip())
        lines += [" " * at + line for line in wrapped[1:]]
    return "\n".join(lines)


def _width() -> int:
    return max(min(shutil.get_terminal_size().columns - 1, WIDEST), 40)
