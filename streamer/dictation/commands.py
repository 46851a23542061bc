"""The table of spoken commands: the package's, extended by the user's."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamer.errors import UsageError
from streamer.text.commands import SpokenCommand
from streamer.text.user_tables import read_user_table

#: The user's table, in the folder of the config file.
USER_TABLE = "commands.toml"
_PACKAGE_TABLE = Path(__file__).with_name(USER_TABLE)


class Kind(enum.Enum):
    """Kinds of commands; the values are the sections of the table."""

    PUNCTUATION = "punctuation"
    OPENING = "opening"
    CLOSING = "closing"
    BREAK = "breaks"
    REPLACEMENT = "replacements"
    ACTION = "actions"


#: Values allowed in the section [actions].
ACTIONS = ("capital", "all caps", "literal", "scratch", "delete word", "stop")

#: Command words that are rare in prose. With these weights, far more commands were
#: recognised, and the word error rate of 60 recordings without commands changed by
#: less than 0.2 %.
RARE_WORDS = frozenset(
    [
        "bracket", "capital", "caps", "colon", "comma", "delete", "exclamation", "listening",
        "literal", "paragraph", "period", "question", "quote", "scratch", "semicolon", "unquote",
    ]
)  # fmt: skip
RARE_WEIGHT = 6.0
COMMON_WEIGHT = 2.0


@dataclass(frozen=True)
class Command:
    """The effect of a spoken command.

    Attributes:
        kind: how the text joins its surroundings, or an action.
        text: the text to write, or the name of the action.
    """

    kind: Kind
    text: str


class CommandTable:
    """Finds commands among recognised words.

    Args:
        commands: by spoken form, in lower case, words separated by one space.
    """

    def __init__(self, commands: Mapping[str, Command]) -> None:
        self.commands = dict(commands)
        self._longest = max((len(spoken.split()) for spoken in commands), default=0)

    def match(self, words: Sequence[str], position: int) -> tuple[Command | None, int]:
        """Return the longest command that starts at a word, and its number of words."""
        for length in range(min(self._longest, len(words) - position), 0, -1):
            spoken = " ".join(words[position : position + length]).lower()
            command = self.commands.get(spoken)
            if command is not None:
                return command, length
        return None, 1

    def find(self, words: Sequence[str], position: int) -> tuple[SpokenCommand | None, int]:
        """Return the same as `match`, for `streamer.text.commands.what_is_meant`."""
        command, length = self.match(words, position)
        if command is None:
            return None, length
        return SpokenCommand(command.kind.value, command.text), length

    def weights(self) -> dict[str, float]:
        """Return a weight (natural log) for each command word, for the decoder.

        Language models are trained on prose, in which nobody says "comma".
        """
        spoken = sorted({word for command in self.commands for word in command.split()})
        return {word: RARE_WEIGHT if word in RARE_WORDS else COMMON_WEIGHT for word in spoken}


def load_commands(user_folder: Path | None = None) -> CommandTable:
    """Read the package's table and, if there is one, the user's.

    Args:
        user_folder: the config folder, which may contain `USER_TABLE`.

    Raises:
        UsageError: the user's table is not valid; names file and line.
    """
    commands = _read(_PACKAGE_TABLE)
    if user_folder is not None:
        commands.update(_read(user_folder / USER_TABLE))
    return CommandTable({spoken: command for spoken, command in commands.items() if command})


def _read(path: Path) -> dict[str, Command | None]:
    """Read a table, which may be missing; a disabled command is None."""
    commands: dict[str, Command | None] = {}
    table = read_user_table(path)
    if table is None:
        return commands
    text = table.text
    for section, entries in table.entries.items():
        if section not in {kind.value for kind in Kind} or not isinstance(entries, dict):
            raise _bad(path, text, section, f"[{section}] is not a section of commands")
        for spoken, value in entries.items():
            commands[" ".join(spoken.lower().split())] = _command(
                path, text, section, spoken, value
            )
    return commands


def _command(path: Path, text: str, section: str, spoken: str, value: Any) -> Command | None:
    if value is False:
        return None
    kind = Kind(section)
    if not isinstance(value, str) or not value or not spoken.strip():
        raise _bad(path, text, spoken, f'"{spoken}" must be some text, or false')
    if kind is Kind.ACTION and value not in ACTIONS:
        raise _bad(path, text, spoken, f'"{spoken}" must be one of: {", ".join(ACTIONS)}')
    return Command(kind, value)


def _bad(path: Path, text: str, key: str, what: str) -> UsageError:
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"""\s*[\["']*{re.escape(key)}\b""", line):
            return UsageError(f"{path}, line {number}: {what}", "fix that line")
    return UsageError(f"{path}: {what}", "fix that entry")
