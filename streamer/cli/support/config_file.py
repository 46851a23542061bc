"""The config file, the environment, and ``streamer config``, which says what counts and why.

Every option of every command can be set in three places; the first that has it
counts: the command line, the environment (``STREAMER_BEAM=64``), the config
file. The file is TOML: keys are options without their dashes; those at the top
hold for every command that turns speech into text, those in a table for that
command only::

    model = "english"
    beam = 64

    [transcribe]
    format = "srt"

    [train]
    steps = 1000

Other commands (``train``, ``convert`` and so on) have options of the same names
that mean other things. So theirs stand in tables only, and the command is part
of their variable: ``STREAMER_TRAIN_STEPS``.

The commands are looked at as Typer built them and never imported by type:
Typer carries its own Click in newer versions and uses the public one in older.
"""

from __future__ import annotations

import enum
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import platformdirs
import typer

from streamer.errors import OutputError, UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: Names another config file than the one in the user's config folder.
PATH_VARIABLE = "STREAMER_CONFIG"
_PREFIX = "STREAMER_"
#: The commands that turn speech into text, or look whether that would work: they
#: share the plain names.
_SPEECH = ("listen", "transcribe", "demo", "doctor", "bench")
#: Options that say what to do now, not how.
_AT_ONCE = ("help", "version", "install-completion", "show-completion")
#: Commands that must work while the config file is broken: they help to mend it.
_ALWAYS = ("config", "--help", "--version", "--install-completion", "--show-completion")
_SOURCES = {
    "COMMANDLINE": "command line",
    "ENVIRONMENT": "environment",
    "DEFAULT_MAP": "config file",
    "DEFAULT": "default",
    "PROMPT": "prompt",
}


def config_path() -> Path:
    """Return where the config file is, or would be."""
    named = os.environ.get(PATH_VARIABLE)
    if named:
        return Path(named)
    return platformdirs.user_config_path("streamer", appauthor=False) / "config.toml"


def config_folder() -> Path:
    """Return the folder of the config file, where the user's other tables lie too."""
    return config_path().parent


def bind_environment(command: Any) -> None:
    """Give every option of a command tree its variable of the environment.

    That is ``STREAMER_<NAME>`` for the commands that turn speech into text and
    ``STREAMER_<COMMAND>_<NAME>`` for the others.

    Args:
        command: as `typer.main.get_command` returns it.
    """
    for names, each in _walk(command):
        for param in _options(each):
            parts = (_key(param),) if _is_speech(names) else (*names, _key(param))
            param.envvar = _PREFIX + "_".join(parts).upper().replace("-", "_")


def defaults_for(command: Any, arguments: Sequence[str]) -> dict[str, Any]:
    """Return the config file as the ``default_map`` of a command tree.

    Args:
        command: as `typer.main.get_command` returns it.
        arguments: the command line; with those that help to mend a broken
            file, such a file counts as empty.

    Raises:
        UsageError: the file is broken; names file and line.
    """
    try:
        return load_defaults(command, config_path())
    except UsageError:
        if any(argument in _ALWAYS for argument in arguments):
            return {}
        raise


def load_defaults(command: Any, path: Path) -> dict[str, Any]:
    """Read a config file and check every entry against the options it is for.

    Args:
        command: as `typer.main.get_command` returns it.
        path: the file; one that is not there is empty.

    Returns:
        Click's ``default_map``: values of the root's options by parameter, and
        for each subcommand a map of the same kind.

    Raises:
        UsageError: it cannot be read, is no TOML, or has an entry that no
            command takes; names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read the config file {path} ({error})", "mend it with: streamer config --edit"
        ) from error
    try:
        entries = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"the config file {path} is not valid TOML: {error}",
            "mend it with: streamer config --edit",
        ) from error
    return _ConfigFile(path, text).defaults(command, entries)


class _ConfigFile:
    """A file's text, to name the line of an entry that is wrong."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()

    def defaults(self, command: Any, entries: dict[str, Any]) -> dict[str, Any]:
        commands = dict(_walk(command))
        maps: dict[tuple[str, ...], dict[str, Any]] = {names: {} for names in commands}
        shared = {k: v for k, v in entries.items() if not isinstance(v, dict)}
        for key, value in shared.items():
            found = [
                (names, param)
                for names, each in commands.items()
                for param in _options(each)
                if _key(param) == key and _is_speech(names)
            ]
            if not found:
                what = f"no command that turns speech into text has an option --{key}"
                raise self._error((), key, what)
            for names, param in found:
                maps[names][param.name] = self._checked((), key, commands[names], param, value)
        self._tables(commands, (), {k: v for k, v in entries.items() if k not in shared}, maps)
        for names in sorted((n for n in maps if n), key=len, reverse=True):
            maps[names[:-1]][names[-1]] = maps[names]
        return maps[()]

    def _tables(
        self,
        commands: dict[tuple[str, ...], Any],
        above: tuple[str, ...],
        entries: dict[str, Any],
        maps: dict[tuple[str, ...], dict[str, Any]],
    ) -> None:
        """Take the entries of the tables of commands, and of those in them."""
        for key, value in entries.items():
            if isinstance(value, dict):
                names = (*above, key)
                if names not in commands:
                    raise self._error(names, None, f"there is no command {' '.join(names)!r}")
                self._tables(commands, names, value, maps)
                continue
            for param in _options(commands[above]):
                if _key(param) == key:
                    checked = self._checked(above, key, commands[above], param, value)
                    maps[above][param.name] = checked
                    break
            else:
                raise self._error(above, key, f"{' '.join(above)} has no option --{key}")

    def _checked(
        self, table: tuple[str, ...], key: str, command: Any, param: Any, value: Any
    ) -> Any:
        """See that an option takes a value; flags take only true and false."""
        flag = getattr(param, "is_flag", False)
        if flag != isinstance(value, bool):
            wanted = "true or false" if flag else "a value, not true or false"
            raise self._error(table, key, f"{key} takes {wanted}")
        if isinstance(value, list) != (param.multiple or param.nargs != 1):
            wanted = "one value, not a list" if isinstance(value, list) else "a list: [...]"
            raise self._error(table, key, f"{key} takes {wanted}")
        try:
            param.process_value(command.context_class(command), value)
        except Exception as error:
            message = getattr(error, "message", str(error)).rstrip(".")
            raise self._error(table, key, f"{key}: {message}") from error
        return value

    def _error(self, table: tuple[str, ...], key: Optional[str], what: str) -> UsageError:
        where = f"{self._path}, line {self._line(table, key)}"
        return UsageError(f"{where}: {what}", "mend it with: streamer config --edit")

    def _line(self, table: tuple[str, ...], key: Optional[str]) -> int:
        """Find the line of an entry (of a table, without a key); TOML readers do not tell."""
        name = r"\s*\.\s*".join(rf"""["']?{re.escape(part)}["']?""" for part in table)
        heading = re.compile(rf"\s*\[\s*{name}\b")
        begin = 0
        if table:
            begin = next((i for i, line in enumerate(self._lines) if heading.match(line)), 0)
        if key is not None:
            entry = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
            for number in range(begin, len(self._lines)):
                if entry.match(self._lines[number]):
                    return number + 1
        return begin + 1


@dataclass(frozen=True)
class Setting:
    """The value of an option and where it comes from; as text, a line of TOML."""

    key: str
    value: Any
    source: str

    def __str__(self) -> str:
        if self.value is None or self.value == ():
            entry = f"# {self.key} ="
        else:
            entry = f"{self.key} = {_toml(self.value)}"
        return f"{entry:<36} # {self.source}"


def settings(command: Any, context: Any, arguments: Sequence[str] = ()) -> list[Setting]:
    """Return what an option would be if a command were run now, for each option.

    Args:
        command: one of the subcommands.
        context: the root's, which holds the config file's entries.
        arguments: options given to the command.

    Raises:
        UsageError: a variable of the environment has a value that its option
            does not take.
    """
    sub = command.make_context(
        command.name, list(arguments), parent=context, resilient_parsing=True
    )
    found = []
    for param in _options(command):
        source = sub.get_parameter_source(param.name)
        name = "DEFAULT" if source is None else source.name
        value = sub.params.get(param.name)
        if value is None and name in ("ENVIRONMENT", "COMMANDLINE"):
            # Parsing was told to overlook errors, because arguments may be missing.
            given = param.value_from_envvar(sub) if name == "ENVIRONMENT" else None
            raise UsageError(
                f"--{_key(param)} does not take what the {_SOURCES[name]} gives it"
                + (f" ({given!r})" if given is not None else ""),
                f"see: streamer {command.name} --help",
            )
        where = _SOURCES.get(name, name.lower())
        if name == "ENVIRONMENT":
            where += f" {_variable(param)}"
        found.append(Setting(_key(param), value, where))
    return found


def template(command: Any) -> str:
    """Return a config file in which every option stands, commented out, with its default."""
    lines = [
        "# streamer's config file. Take away the # before what you want to set.",
        "# Entries here at the top hold for every command that turns speech into text,",
        "# those below [command] for that command only.",
    ]
    seen: list[str] = []
    for names, each in _commands_with_options(command):
        speech = _is_speech(names)
        fresh = [param for param in _options(each) if not speech or _key(param) not in seen]
        if not fresh:
            continue
        if names != ("listen",):
            lines += ["", f"[{'.'.join(names)}]"]
        for param in fresh:
            if speech:
                seen.append(_key(param))
            about = " ".join((param.help or "").split())
            lines += ["", f"# {about}"] if about else [""]
            default = param.default if not callable(param.default) else None
            if default is None and param.multiple:
                default = []
            lines.append(f"#{_key(param)} = {'' if default is None else _toml(default)}".rstrip())
    return "\n".join(lines) + "\n"


def _walk(command: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Go through a command and all below it."""
    yield names, command
    for name, each in getattr(command, "commands", {}).items():
        yield from _walk(each, (*names, name))


def _commands_with_options(command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Go through the subcommands, ``listen`` first: it is the main one."""
    tree = [(names, each) for names, each in _walk(command) if names and list(_options(each))]
    return iter(sorted(tree, key=lambda entry: entry[0] != ("listen",)))


def _is_speech(names: tuple[str, ...]) -> bool:
    """Whether a command is one of those that share the plain names."""
    return names[:1] != () and names[0] in _SPEECH


def _options(command: Any) -> Iterator[Any]:
    """Go through the options of a command that a config file may set."""
    if command.name == "config":
        return
    for param in command.params:
        if param.param_type_name == "option" and _key(param) not in _AT_ONCE:
            yield param


def _key(param: Any) -> str:
    """Return an option's name in the config file: the longest, without its dashes."""
    return str(max(param.opts, key=len)).lstrip("-")


def _variable(param: Any) -> str:
    """Return the variable of the environment that sets an option."""
    names = [param.envvar] if isinstance(param.envvar, str) else list(param.envvar or [])
    return next((name for name in names if os.environ.get(name)), "")


def _toml(value: Any) -> str:
    """Write a value as TOML does."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    escaped = re.sub(r"[\x00-\x1f\x7f]", lambda m: f"\\u{ord(m.group()):04x}", escaped)
    return f'"{escaped}"'


def register(app: typer.Typer) -> None:
    """Add ``streamer config`` to the command line."""
    app.command(
        "config",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(_config)


def _config(
    context: typer.Context,
    path: bool = typer.Option(False, "--path", help="Say where the config file is."),
    edit: bool = typer.Option(False, "--edit", help="Open the config file in your editor."),
    init: bool = typer.Option(False, "--init", help="Write a config file with every option."),
) -> None:
    """Show every setting and where it comes from; or find, edit or begin the config file.

    A command and options after it are taken into account:
    streamer config transcribe --beam 500
    """
    if path + edit + init > 1:
        raise UsageError("--path, --edit and --init do not go together", "give one of them")
    root = context.find_root()
    file = config_path()
    if path:
        print(file)
    elif init:
        _write_template(file, root.command)
        print(f"wrote {file}", file=sys.stderr)
    elif edit:
        if not file.exists():
            _write_template(file, root.command)
        _open_editor(file)
        load_defaults(root.command, file)  # tells at once what is wrong with it
    else:
        load_defaults(root.command, file)  # where it was overlooked so that --edit can run
        _print_settings(root, file, context.args)


def _print_settings(root: Any, file: Path, arguments: Sequence[str]) -> None:
    note = "" if file.exists() else " (not there: every option has its default)"
    print(f"# {file}{note}")
    if arguments:
        command = getattr(root.command, "commands", {}).get(arguments[0])
        if command is None:
            raise UsageError(
                f"there is no command {arguments[0]!r}", "see the commands with: streamer --help"
            )
        for setting in settings(command, root, arguments[1:]):
            print(setting)
        return
    shown: list[Setting] = []
    for names, command in _commands_with_options(root.command):
        context = root
        for name in names[:-1]:  # a group's own context lies between
            group = context.command.commands[name]
            context = group.make_context(name, [], parent=context, resilient_parsing=True)
        speech = _is_speech(names)
        fresh = [s for s in settings(command, context) if not speech or s not in shown]
        if not fresh:
            continue
        if names != ("listen",):
            print(f"\n[{'.'.join(names)}]")
        for setting in fresh:
            print(setting)
        shown += fresh if speech else []


def _write_template(file: Path, command: Any) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(template(command))
    except FileExistsError as error:
        raise UsageError(f"{file} is there already", "see it with: streamer config --edit") from (
            error
        )
    except OSError as error:
        raise OutputError(
            f"cannot write {file} ({error.strerror})", f"name another file in {PATH_VARIABLE}"
        ) from error


def _open_editor(file: Path) -> None:
    import shlex
    import subprocess

    default = "notepad" if sys.platform == "win32" else "vi"
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or default
    try:
        done = subprocess.run([*shlex.split(editor), str(file)], check=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"cannot run the editor {editor!r} ({error})", "set the variable EDITOR to one"
        ) from error
    if done.returncode:
        raise UsageError(f"the editor {editor!r} ended with an error", f"edit {file} yourself")
