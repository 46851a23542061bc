"""The command line as a whole: the commands, and how errors and endings look from outside.

Typer is imported by `run`, which knows what to do about a Ctrl-C meanwhile.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

from streamer.errors import StreamerError

if TYPE_CHECKING:
    import typer

#: A module a command, in the order in which help lists them; each has ``register(app)``.
MODULES = (
    "speech.listen",
    "speech.transcribe",
    "speech.demo",
    "machine.devices",
    "machine.doctor",
    "machine.config",
    "model.models",
    "model.convert",
    "model.inspect",
    "model.check",
    "model.precisions",
    "model.train",
    "model.export",
    "model.scorer",
    "machine.bench",
)

#: What ``streamer`` alone does.
DEFAULT_COMMAND = "listen"


def build_app() -> typer.Typer:
    """Make the Typer app of all commands."""
    import typer

    app = typer.Typer(
        name="streamer",
        help="Speech becomes text in the terminal. Alone, it listens to the microphone.",
        no_args_is_help=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def root(
        version: Optional[bool] = typer.Option(
            None, "--version", is_eager=True, callback=_print_version, help="Say which version."
        ),
    ) -> None:
        """Speech becomes text in the terminal. Alone, it listens to the microphone."""

    for name in MODULES:
        importlib.import_module(f"streamer.cli.commands.{name}").register(app)
    return app


def _print_version(wanted: Optional[bool]) -> None:
    if wanted:
        import typer

        from streamer import __version__

        print(f"streamer {__version__}")
        raise typer.Exit()


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments: list[str]) -> int:
    """Run the command line; returns the exit code.

    What a user can mend ends as one line ``error: what - what to do``, and
    with code 1, or 2 where the command line itself is at fault.
    """
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # before, or after, there was anything to bring to an end
        return 130


def _run(arguments: list[str]) -> int:
    import typer

    from streamer.cli.support.config_file import defaults_for
    from streamer.cli.support.environment import bind_environment
    from streamer.cli.support.signals import discard_standard_output

    try:
        command = typer.main.get_command(build_app())
        bind_environment(command)
        arguments = command_first(command, arguments)
        defaults = defaults_for(command, arguments)
        code = command.main(
            args=arguments, prog_name="streamer", standalone_mode=False, default_map=defaults
        )
        _flush()
        return code if isinstance(code, int) else 0
    except StreamerError as error:
        _say_error(str(error))
        return error.exit_code
    except BrokenPipeError:
        discard_standard_output()
        return 0
    except OSError as error:
        _say_error(f"{error.strerror or error} - see whether there is room, and permission")
        return 1
    except Exception as error:
        return _click_error(error)


def _flush() -> None:
    """Write what is buffered now, where an error can still be told."""
    if sys.stdout is not None:
        sys.stdout.flush()


def command_first(command: Any, arguments: Sequence[str]) -> list[str]:
    """Bring the command to the front, so that shared options may stand before it.

    Without one, the default command is put there: ``streamer --beam 10`` listens.
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
        if not argument.startswith("-"):
            return list(arguments[position:])  # no such command: Click says so, and what is close
        if argument.partition("=")[0] not in takes_value:
            break  # no such option: the default command says so
        position += 1
        if takes_value.get(argument):
            position += 1
    return [DEFAULT_COMMAND, *arguments]


def _click_error(error: Exception) -> int:
    """Say what is wrong with a command line.

    Typer brings Click's exceptions from its own copy or from the public one,
    depending on its version: they are known by what they can do.
    """
    name = type(error).__name__
    if name == "Abort":
        return 130
    format_message = getattr(error, "format_message", None)
    if format_message is None:
        raise error
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "streamer"
    what = " ".join(str(format_message()).split()).rstrip(".")
    _say_error(f"{what[:1].lower()}{what[1:]} - see: {path} --help")
    return int(getattr(error, "exit_code", 1))


def _say_error(message: str) -> None:
    if sys.stderr is None:
        return
    line = " ".join(message.split())
    try:
        print(f"error: {line}", file=sys.stderr, flush=True)
    except UnicodeEncodeError:  # a terminal that knows ASCII only
        print(f"error: {line.encode('ascii', 'backslashreplace').decode()}", file=sys.stderr)


if __name__ == "__main__":
    main()
