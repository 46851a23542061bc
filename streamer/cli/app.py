"""The command line: its commands, exit codes and error messages.

Typer is imported by `run`: `main` comes first and makes Ctrl-C quiet.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

from streamer.cli import first_frame
from streamer.cli.support.memory import (
    MORE_MEMORY,
    check_room_for_libraries,
    is_out_of_memory,
)
from streamer.cli.support.messages import echo, say_error
from streamer.errors import StreamerError, system_reason

if TYPE_CHECKING:
    import typer

#: Modules of `streamer.cli.commands`, in the order of ``--help``; each has ``register(app)``.
COMMANDS = (
    "speech.listen",
    "speech.transcribe",
    "speech.write",
    "speech.serve",
    "speech.demo",
    "speech.control",
    "speech.replay",
    "machine.devices",
    "machine.doctor",
    "machine.config",
    "model.models",
    "model.convert",
    "model.inspect",
    "model.check",
    "model.precisions",
    "model.train",
    "model.train_text",
    "model.adapt",
    "model.export",
    "model.scorer",
    "machine.bench",
)

#: The command that ``streamer`` runs without one.
DEFAULT_COMMAND = "listen"

#: The command for what is not a command but a recording: ``streamer talk.flac``.
FILE_COMMAND = "transcribe"

#: Commands that handle signals themselves, once there is something to shut down.
_GRACEFUL = frozenset(["listen", "transcribe", "demo", "serve"])

#: Commands that are built without the others, which takes a third of the time.
_ALONE = frozenset(["listen", "transcribe", "write", "demo"])

#: Set by a shell that wants completions, which need all commands.
_COMPLETION_VARIABLE = "_STREAMER_COMPLETE"

#: Exit code after Ctrl-C: 128 + SIGINT, as shells expect.
INTERRUPTED = 130

_HELP = "Turn speech into text in the terminal. Without a command, transcribe the microphone."


def build_app(only: Optional[str] = None) -> typer.Typer:
    """Return the Typer app.

    Args:
        only: the one command that it has; all commands if None.
    """
    import typer

    app = typer.Typer(
        name="streamer",
        help=_HELP,
        no_args_is_help=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(help=_HELP)
    def root(
        version: Optional[bool] = typer.Option(
            None, "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ) -> None: ...

    for name in COMMANDS:
        if only is None or name.partition(".")[2] == only:
            importlib.import_module(f"streamer.cli.commands.{name}").register(app)
    return app


def sole_command(arguments: Sequence[str]) -> Optional[str]:
    """Return the command that needs no others to be built, None if all may be needed.

    A config file is checked against the options of all commands.
    """
    from streamer.cli.support.config_file import config_path

    first = arguments[0] if arguments else DEFAULT_COMMAND
    if first not in {name.partition(".")[2] for name in COMMANDS}:
        if first != "-" and not _is_input(first):
            return None
        first = FILE_COMMAND
    if first not in _ALONE or _COMPLETION_VARIABLE in os.environ or os.path.exists(config_path()):
        return None
    return first


def _print_version(wanted: Optional[bool]) -> None:
    if wanted:
        import typer

        from streamer import __version__

        print(f"streamer {__version__}")
        raise typer.Exit()


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Run the command line and exit with its exit code.

    Args:
        arguments: what follows the command's name; None for those of this process, which
            then is all ours: signals and the way it ends, too.
    """
    is_program = arguments is None
    if is_program and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    _occupy_standard_descriptors()
    if is_program:
        first_frame.show(sys.argv[1:])
    code = run(sys.argv[1:] if arguments is None else list(arguments))
    if is_program and any(thread.daemon for thread in threading.enumerate()):
        # A model that is still being loaded, a driver that hangs: native code that goes on
        # while the interpreter shuts down may crash it.
        from streamer.cli.support.signals import exit_now

        exit_now(code)
    sys.exit(code)


def _occupy_standard_descriptors() -> None:
    """Open the null device where standard input, output or error is closed.

    Otherwise the next file to be opened, perhaps the transcript, would be taken
    for it by C code and child processes.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code.

    Errors that the user can fix end as one line ``error: what - what to do``,
    with code 1, or 2 if the command line itself is wrong.
    """
    try:
        if arguments[:1] != ["--version"]:
            check_room_for_libraries()
        return _run(arguments)
    except KeyboardInterrupt:  # before or after there is anything to shut down
        return INTERRUPTED
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        say_error(f"not enough memory - {MORE_MEMORY}")
        return 1
    finally:
        first_frame.erase()


def _run(arguments: list[str]) -> int:
    import typer

    from streamer.cli.support.config_file import defaults_for
    from streamer.cli.support.environment import bind_environment
    from streamer.cli.support.home import expand_paths
    from streamer.cli.support.placeholders import name_values
    from streamer.cli.support.signals import discard_standard_output
    from streamer.cli.support.values import check_values

    try:
        command = typer.main.get_command(build_app(sole_command(arguments)))
        bind_environment(command)
        name_values(command)
        if arguments[:1] in (["-h"], ["--help"], ["--help-all"]):
            from streamer.cli.help_text import long_help, short_help

            text = (long_help if arguments[0] == "--help-all" else short_help)(command)
            for line in text.split("\n"):
                echo(line)
            return 0
        expand_paths(command)
        check_values(command)
        arguments = command_first(command, arguments)
        defaults = defaults_for(command, arguments)
        if arguments[:1] and arguments[0] not in _GRACEFUL:
            _raise_keyboard_interrupts()
        code = command.main(
            args=arguments, prog_name="streamer", standalone_mode=False, default_map=defaults
        )
        _flush()
        return code if isinstance(code, int) else 0
    except StreamerError as error:
        if is_out_of_memory(error):
            raise
        say_error(str(error))
        return error.exit_code
    except BrokenPipeError:
        discard_standard_output()
        return 0
    except OSError as error:
        if is_out_of_memory(error):
            raise
        where = "" if error.filename is None else f"{error.filename}: "
        say_error(f"{where}{system_reason(error)} - check free space and permissions")
        return 1
    except Exception as error:
        return _click_error(error)


def _raise_keyboard_interrupts() -> None:
    """Make Ctrl-C an exception again, for commands that clean up after it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _flush() -> None:
    """Write what is buffered while errors can still be reported."""
    if sys.stdout is not None:
        sys.stdout.flush()


def command_first(command: Any, arguments: Sequence[str]) -> list[str]:
    """Move the command to the front, so that shared options may precede it.

    Without a command, `DEFAULT_COMMAND` is inserted: ``streamer --beam 10`` listens.
    Before a recording it is `FILE_COMMAND`.
    """
    commands = command.commands
    takes_value = {
        name: not param.is_flag
        for each in commands.values()
        for param in each.params
        if param.param_type_name == "option"
        for name in (*param.opts, *param.secondary_opts)
    }
    root = {name for param in command.params for name in param.opts} | {"-h", "--help"}
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        if argument in commands:
            before = arguments[:position]
            return [argument, *before, *arguments[position + 1 :]]
        if argument in root and position == 0:
            return list(arguments)
        if argument == "-" or _is_input(argument):
            return [FILE_COMMAND, *arguments]
        if not argument.startswith("-"):
            return list(arguments[position:])  # unknown: Click reports it with suggestions
        if argument.partition("=")[0] not in takes_value:
            break  # unknown option: the default command reports it
        position += 1
        if takes_value.get(argument):
            position += 1
    return [DEFAULT_COMMAND, *arguments]


def _is_input(argument: str) -> bool:
    """Whether an argument is a recording, a folder or an address rather than a command."""
    if argument.startswith("-"):
        return False
    return "://" in argument or os.path.exists(argument) or bool(os.path.splitext(argument)[1])


def _click_error(error: Exception) -> int:
    """Report an invalid command line and return the exit code.

    Depending on its version, Typer raises exceptions of its own copy of Click or
    of the public one, so they are recognised by what they can do.
    """
    if type(error).__name__ == "Abort":
        return INTERRUPTED
    format_message = getattr(error, "format_message", None)
    if format_message is None:
        raise error
    if type(error).__name__.startswith("NoArgsIsHelp"):  # streamer models
        for line in str(format_message()).split("\n"):
            echo(line, err=True)
        return int(getattr(error, "exit_code", 2))
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "streamer"
    what = " ".join(str(format_message()).split()).rstrip(".")
    # Newer versions of Click name the variable of an option even where the command line set it,
    # older ones never do.
    what = re.sub(r" \(env var: '\w+'\)", "", what)
    param = getattr(error, "param", None)
    if param is not None and context is not None:
        source = context.get_parameter_source(param.name)
        if getattr(source, "name", "") == "ENVIRONMENT":
            what = what.replace(": ", f" (env var: '{param.envvar}'): ", 1)
    say_error(f"{what[:1].lower()}{what[1:]} - see: {path} --help")
    return int(getattr(error, "exit_code", 1))


if __name__ == "__main__":
    main()
