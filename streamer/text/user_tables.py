"""Tables in TOML that the user keeps beside the config file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from streamer.errors import UsageError
from streamer.untrusted.user_files import parse_toml, read_user_text


class UserTable(NamedTuple):
    """A table as it is written and as it is read; the text has the lines of errors."""

    text: str
    entries: dict[str, Any]


def read_user_table(path: Path) -> UserTable | None:
    """Return a table; None where there is none.

    Raises:
        UsageError: it cannot be read, or is not valid TOML.
    """
    try:
        text = read_user_text(path)
        return UserTable(text, parse_toml(text))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"cannot read {path} ({error.strerror})", "fix or remove it") from error
    except ValueError as error:
        raise UsageError(f"{path} is not valid TOML ({error})", "fix that line") from error
