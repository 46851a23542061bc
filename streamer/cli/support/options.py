"""Options that several commands share, each declared once.

A command asks for a group of them by the type of a parameter::

    @with_options
    def listen(engine: EngineOptions, results: ResultOptions) -> None: ...

Every option can also be set in the environment (``STREAMER_<NAME>``) and in
the config file; see `streamer.cli.commands.machine.config`.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Callable, Optional, get_type_hints

import typer

from streamer.endpointing import rules as defaults

if TYPE_CHECKING:
    from streamer.cli.support.outputs import OutputOptions
    from streamer.decoding import UserWord
    from streamer.endpointing.settings import EndpointSettings
    from streamer.engine.model_loader import ModelChoice
    from streamer.transcriber import Transcriber


class DecoderKind(str, Enum):
    """Decoders by the names that ``--decoder`` takes: `streamer.decoding.KINDS`."""

    AUTO = "auto"
    BEAM = "beam"
    DS = "ds"
    GREEDY = "greedy"


class Format(str, Enum):
    """Formats by the names that ``--format`` takes: `streamer.output.FORMATS`."""

    TEXT = "text"
    JSONL = "jsonl"
    SRT = "srt"
    VTT = "vtt"


_MODEL = "Model and decoder"
_UTTERANCES = "Utterances"
_RESULTS = "Results"


@dataclass(frozen=True)
class EngineOptions:
    """Which model, how it is run, and where utterances end."""

    model: Annotated[
        str,
        typer.Option(
            metavar="NAME|FOLDER", help="Model, or the folder of one.", rich_help_panel=_MODEL
        ),
    ] = "english"
    backend: Annotated[
        str,
        typer.Option(help="auto, coreml, onnx or numpy.", rich_help_panel=_MODEL),
    ] = "auto"
    compute_units: Annotated[
        Optional[str],
        typer.Option(
            help="Core ML: CPU_AND_NE (default), CPU_AND_GPU, CPU_ONLY or ALL.",
            rich_help_panel=_MODEL,
        ),
    ] = None
    decoder: Annotated[
        DecoderKind,
        typer.Option(help="What makes words of letters.", rich_help_panel=_MODEL),
    ] = DecoderKind.AUTO
    beam: Annotated[
        Optional[int],
        typer.Option(
            min=1, metavar="N", help="Hypotheses the decoder keeps.", rich_help_panel=_MODEL
        ),
    ] = None
    word: Annotated[
        Optional[list[str]],
        typer.Option(
            metavar="WORD[=WEIGHT]",
            help="A word to add or to make likelier; again for more.",
            rich_help_panel=_MODEL,
        ),
    ] = None
    words: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE", help="A file of such words, one a line.", rich_help_panel=_MODEL
        ),
    ] = None
    silence: Annotated[
        float,
        typer.Option(
            min=0.1,
            metavar="SECONDS",
            help="Silence after words that ends an utterance.",
            rich_help_panel=_UTTERANCES,
        ),
    ] = defaults.SILENCE_AFTER_WORDS_S
    longest: Annotated[
        float,
        typer.Option(
            min=2.0,
            metavar="SECONDS",
            help="Longest utterance; speech without a pause is cut between words.",
            rich_help_panel=_UTTERANCES,
        ),
    ] = defaults.LONGEST_UTTERANCE_S

    def transcriber(self, **more: Any) -> Transcriber:
        """Make a transcriber; ``more`` are further arguments of it.

        Raises:
            UsageError: values that make no sense.
        """
        from streamer.transcriber import Transcriber

        choice = self.choice()
        return Transcriber(
            choice.model,
            choice.backend,
            choice.decoder,
            choice.beam,
            compute_units=choice.compute_units,
            user_words=choice.user_words,
            endpoints=self.endpoints(),
            **more,
        )

    def choice(self) -> ModelChoice:
        """Which model, and how it is run.

        Raises:
            UsageError: user words that are none.
        """
        from streamer.engine.model_loader import ModelChoice

        return ModelChoice(
            self.model,
            self.backend,
            self.decoder.value,
            self.beam,
            self.compute_units,
            self._user_words() if self.word or self.words else (),
        )

    def endpoints(self) -> EndpointSettings:
        """Where utterances begin and end."""
        from streamer.endpointing.settings import EndpointSettings

        rules = defaults.make_rules(
            silence_after_words_s=self.silence,
            breath_s=min(defaults.BREATH_S, self.silence),
            long_utterance_s=min(defaults.LONG_UTTERANCE_S, 0.6 * self.longest),
            longest_utterance_s=self.longest,
        )
        return EndpointSettings(rules=rules)

    def _user_words(self) -> list[UserWord]:
        from streamer.decoding.user_words import parse_user_word, read_user_words

        from_file = list(read_user_words(self.words)) if self.words else []
        return from_file + [parse_user_word(text) for text in self.word or []]


@dataclass(frozen=True)
class ResultOptions:
    """What comes out, in which form and where."""

    format: Annotated[
        Optional[Format],
        typer.Option(help="Text if not given.", rich_help_panel=_RESULTS),
    ] = None
    partials: Annotated[
        Optional[bool],
        typer.Option(
            "--partials/--no-partials",
            help="Also what is still being said.",
            rich_help_panel=_RESULTS,
            show_default=False,
        ),
    ] = None
    timestamps: Annotated[
        bool, typer.Option(help="Text says when each line was said.", rich_help_panel=_RESULTS)
    ] = False
    output: Annotated[
        Optional[Path],
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Also into a file, each line as soon as it is final.",
            rich_help_panel=_RESULTS,
        ),
    ] = None
    stdout: Annotated[
        bool, typer.Option("--stdout", help="Plain lines, no live view.", rich_help_panel=_RESULTS)
    ] = False
    on_final: Annotated[
        Optional[str],
        typer.Option(
            metavar="COMMAND",
            help="Run for each final, its text on standard input.",
            rich_help_panel=_RESULTS,
        ),
    ] = None
    dictation: Annotated[
        bool, typer.Option("--dictation", help="Obey spoken commands.", rich_help_panel=_RESULTS)
    ] = False
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Numbers as digits.", rich_help_panel=_RESULTS)
    ] = False
    type: Annotated[
        bool,
        typer.Option("--type", help="Type into the focused window.", rich_help_panel=_RESULTS),
    ] = False

    @property
    def stream_format(self) -> str:
        """The format of standard output."""
        return Format.TEXT.value if self.format is None else self.format.value

    def hints(self) -> list[UserWord]:
        """Words that the decoder should expect: those of the spoken commands.

        Raises:
            UsageError: the user's table of commands is not valid.
        """
        if not self.dictation:
            return []
        from streamer.cli.support.config_file import config_folder
        from streamer.decoding.user_words import UserWord
        from streamer.dictation import load_commands

        weights = load_commands(config_folder()).weights()
        return [UserWord(word, weight) for word, weight in weights.items()]

    def wants_partials(self, live_view: bool) -> bool:
        """Whether anybody looks at utterances that are still being said."""
        return live_view or bool(self.partials) or self.stream_format == "jsonl"

    def output_options(self) -> OutputOptions:
        """The same for what joins the outputs."""
        from streamer.cli.support.outputs import OutputOptions

        names = {field.name for field in dataclasses.fields(OutputOptions)}
        values = {name: getattr(self, name) for name in names}
        values["format"] = None if self.format is None else self.format.value
        return OutputOptions(**values)


_GROUPS = (EngineOptions, ResultOptions)


def with_options(function: Callable[..., None]) -> Callable[..., None]:
    """Spread parameters that are groups of options out into the options themselves.

    Typer reads options off a function's signature; this writes one.
    """
    hints = get_type_hints(function, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups = {}
    for parameter in inspect.signature(function).parameters.values():
        hint = hints[parameter.name]
        if hint not in _GROUPS:
            parameters.append(parameter.replace(annotation=hint))
            continue
        groups[parameter.name] = hint
        annotations = get_type_hints(hint, include_extras=True)
        for field in dataclasses.fields(hint):
            parameters.append(
                inspect.Parameter(
                    field.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=field.default,
                    annotation=annotations[field.name],
                )
            )

    @functools.wraps(function)
    def command(**values: Any) -> None:
        given = {
            name: group(
                **{field.name: values.pop(field.name) for field in dataclasses.fields(group)}
            )
            for name, group in groups.items()
        }
        function(**values, **given)

    # What inspect and typing find; the function below must not shine through.
    del command.__wrapped__  # type: ignore[attr-defined]
    positional = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    command.__signature__ = inspect.Signature(positional)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in positional}
    return command
