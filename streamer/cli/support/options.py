"""Options that several commands share, each declared once.

Every option can also be set in the environment (``STREAMER_<NAME>``) and in
the config file; see `streamer.cli.support.environment` and `config_file`.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from streamer.cli.support.choices import (
    ComputeUnits,
    Copied,
    DateOrder,
    DecoderKind,
    Format,
    Latency,
    ThemeName,
    one_of,
)
from streamer.cli.support.option_groups import OptionGroup
from streamer.endpointing import rules as defaults

if TYPE_CHECKING:
    from streamer.cli.support.outputs import OutputOptions
    from streamer.decoding import UserWord
    from streamer.endpointing.settings import EndpointSettings
    from streamer.engine.model_loader import ModelChoice
    from streamer.text.replacements import Replacements
    from streamer.transcriber import Transcriber


_MODEL = "Model and decoder"
_UTTERANCES = "Utterances"
_RESULTS = "Results"
_WRITTEN = "Written form"


@dataclass(frozen=True)
class EngineOptions(OptionGroup):
    """Options for the model, the decoder and the ends of utterances."""

    model: Annotated[
        str,
        typer.Option(
            metavar="NAME|FOLDER",
            help="Model to use: a name or the folder of a bundle.",
            rich_help_panel=_MODEL,
        ),
    ] = "english"
    backend: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Backend to run it on: auto, coreml, onnx or numpy.",
            rich_help_panel=_MODEL,
        ),
    ] = "auto"
    compute_units: Annotated[
        Optional[ComputeUnits],
        typer.Option(
            metavar="UNITS",
            help="Core ML compute units: CPU_AND_NE (default), CPU_AND_GPU, CPU_ONLY or ALL.",
            rich_help_panel=_MODEL,
        ),
    ] = None
    latency: Annotated[
        Latency,
        typer.Option(
            metavar=one_of(Latency),
            help="low: words come up to 240 ms sooner, and the network runs four times as often.",
            rich_help_panel=_MODEL,
        ),
    ] = Latency.NORMAL
    decoder: Annotated[
        DecoderKind,
        typer.Option(metavar=one_of(DecoderKind), help="Decoder to use.", rich_help_panel=_MODEL),
    ] = DecoderKind.AUTO
    beam: Annotated[
        Optional[int],
        typer.Option(
            min=1,
            metavar="N",
            help="Beam width: hypotheses the decoder keeps.",
            rich_help_panel=_MODEL,
        ),
    ] = None
    word: Annotated[
        Optional[list[str]],
        typer.Option(
            metavar="WORD[=WEIGHT]",
            help="Add a word or make it likelier; may be repeated.",
            rich_help_panel=_MODEL,
        ),
    ] = None
    words: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE",
            help="Read such words from a file, one per line.",
            rich_help_panel=_MODEL,
        ),
    ] = None
    silence: Annotated[
        float,
        typer.Option(
            min=0.1,
            metavar="SECONDS",
            help="End an utterance after this much silence.",
            rich_help_panel=_UTTERANCES,
        ),
    ] = defaults.SILENCE_AFTER_WORDS_S
    longest: Annotated[
        float,
        typer.Option(
            min=2.0,
            metavar="SECONDS",
            help="Longest utterance; longer speech is cut between words.",
            rich_help_panel=_UTTERANCES,
        ),
    ] = defaults.LONGEST_UTTERANCE_S

    def transcriber(self, **more: Any) -> Transcriber:
        """Return a transcriber; ``more`` are further arguments for it.

        Raises:
            UsageError: a value is not valid.
        """
        from streamer.transcriber import Transcriber

        return Transcriber(**{**self.arguments(), **more})

    def arguments(self) -> dict[str, Any]:
        """Return these options as arguments of `streamer.Transcriber`.

        Raises:
            UsageError: a user word is not valid.
        """
        choice = self.choice()
        values = {each.name: getattr(choice, each.name) for each in dataclasses.fields(choice)}
        return {**values, "endpoints": self.endpoints()}

    def choice(self) -> ModelChoice:
        """Return the model, backend and decoder to load.

        Raises:
            UsageError: a user word is not valid.
        """
        from streamer.engine.model_loader import ModelChoice

        return ModelChoice(
            self.model,
            self.backend,
            self.decoder.value,
            self.beam,
            self.compute_units.value if self.compute_units else None,
            self._user_words() if self.word or self.words else (),
            latency=self.latency.value,
        )

    def endpoints(self) -> EndpointSettings:
        """Return where utterances begin and end."""
        from streamer.endpointing.settings import EndpointSettings

        rules = defaults.make_rules(
            silence_after_words_s=self.silence,
            breath_s=min(defaults.BREATH_S, self.silence),
            long_utterance_s=min(defaults.LONG_UTTERANCE_S, 0.6 * self.longest),
            longest_utterance_s=self.longest,
        )
        return EndpointSettings(rules=rules)

    def _user_words(self) -> list[UserWord]:
        from streamer.cli.support.messages import warn
        from streamer.decoding.user_words import parse_user_word, read_user_words

        from_file = list(read_user_words(self.words, warn)) if self.words else []
        return from_file + [parse_user_word(text, warn) for text in self.word or []]


@dataclass(frozen=True)
class WritingSwitches(OptionGroup):
    """Options for the written form of the words."""

    verbatim: Annotated[
        bool,
        typer.Option(
            "--verbatim",
            help="Write the words as spoken: no marks, capitals or numbers.",
            rich_help_panel=_WRITTEN,
        ),
    ] = False
    no_punctuation: Annotated[
        bool,
        typer.Option(
            "--no-punctuation", help="Write no marks or capitals.", rich_help_panel=_WRITTEN
        ),
    ] = False
    no_numbers: Annotated[
        bool,
        typer.Option("--no-numbers", help="Leave numbers as words.", rich_help_panel=_WRITTEN),
    ] = False
    date_style: Annotated[
        DateOrder,
        typer.Option(
            metavar=one_of(DateOrder),
            help="Order of dates: 3 May 1982 (dmy) or May 3, 1982 (mdy).",
            rich_help_panel=_WRITTEN,
        ),
    ] = DateOrder.DMY
    no_fillers: Annotated[
        bool,
        typer.Option(
            "--no-fillers",
            help="Leave out um, uh and words repeated by mistake.",
            rich_help_panel=_WRITTEN,
        ),
    ] = False
    mask: Annotated[
        bool,
        typer.Option(
            "--mask",
            help="Write swear words as their first letter and stars.",
            rich_help_panel=_WRITTEN,
        ),
    ] = False
    dictation: Annotated[
        bool,
        typer.Option(
            "--dictation",
            help='Carry out spoken commands, such as "new line".',
            rich_help_panel=_WRITTEN,
        ),
    ] = False
    # Numbers are in digits by default now; scripts may still ask for them.
    numbers: Annotated[bool, typer.Option("--numbers", hidden=True)] = False

    def written_form(self) -> dict[str, Any]:
        """Return the switches as arguments of `Transcriber` and `writing_options`.

        Raises:
            UsageError: the user's table of replacements is not valid.
        """
        return {
            "verbatim": self.verbatim,
            "punctuation": not self.no_punctuation,
            "numbers": not self.no_numbers,
            "date_style": self.date_style.value,
            "fillers": not self.no_fillers,
            "mask": self.mask,
            "replacements": self.replacements,
        }

    @functools.cached_property
    def replacements(self) -> Replacements:
        """The user's table; the same for all that is written, so that it can learn.

        Raises:
            UsageError: it is not valid.
        """
        from streamer.cli.support.config_file import config_folder
        from streamer.text.replacements import load_replacements

        return load_replacements(config_folder())


@dataclass(frozen=True)
class ResultOptions(WritingSwitches):
    """Options for the results: written form, format, destination."""

    format: Annotated[
        Optional[Format],
        typer.Option(
            metavar=one_of(Format),
            help="Output format; text by default.",
            rich_help_panel=_RESULTS,
        ),
    ] = None
    partials: Annotated[
        Optional[bool],
        typer.Option(
            "--partials/--no-partials",
            help="Also write words that may still change.",
            rich_help_panel=_RESULTS,
            show_default=False,
        ),
    ] = None
    timestamps: Annotated[
        bool, typer.Option(help="Start each line of text with its time.", rich_help_panel=_RESULTS)
    ] = False
    output: Annotated[
        Optional[Path],
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Also write to a file, each line once it is final.",
            rich_help_panel=_RESULTS,
        ),
    ] = None
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            help="Print plain lines instead of the live view, as for a screen reader.",
            rich_help_panel=_RESULTS,
        ),
    ] = False
    stdout: Annotated[bool, typer.Option("--stdout", hidden=True)] = False  # the old name
    theme: Annotated[
        Optional[ThemeName],
        typer.Option(
            metavar=one_of(ThemeName),
            help="Colours of the live view: dark, light or none; by default the terminal is asked.",
            show_default=False,
            rich_help_panel=_RESULTS,
        ),
    ] = None
    on_final: Annotated[
        Optional[str],
        typer.Option(
            metavar="COMMAND",
            help="Run a command for each final, with its text on standard input.",
            rich_help_panel=_RESULTS,
        ),
    ] = None
    pipe: Annotated[
        Optional[str],
        typer.Option(
            metavar="COMMAND",
            help="Send each final through a filter, and write what comes back.",
            rich_help_panel=_RESULTS,
        ),
    ] = None
    type: Annotated[
        bool,
        typer.Option(
            "--type", help="Type the text into the focused window.", rich_help_panel=_RESULTS
        ),
    ] = False
    allow_typing: Annotated[
        bool,
        typer.Option("--allow-typing", help="Do not ask before --type.", rich_help_panel=_RESULTS),
    ] = False
    no_enter: Annotated[
        bool,
        typer.Option(
            "--no-enter", help="With --type, type line breaks as spaces.", rich_help_panel=_RESULTS
        ),
    ] = False
    clipboard: Annotated[
        Optional[Copied],
        typer.Option(
            metavar=one_of(Copied),
            help="Copy to the clipboard: each final, or all at the end.",
            rich_help_panel=_RESULTS,
        ),
    ] = None

    @property
    def stream_format(self) -> str:
        """The format of standard output."""
        return Format.TEXT.value if self.format is None else self.format.value

    def hints(self) -> list[UserWord]:
        """Return words for the decoder to expect: those of the spoken commands.

        Raises:
            UsageError: the user's command table is not valid.
        """
        if not self.dictation:
            return []
        from streamer.cli.support.config_file import config_folder
        from streamer.decoding.user_words import UserWord
        from streamer.dictation import load_commands

        weights = load_commands(config_folder()).weights()
        return [UserWord(word, weight) for word, weight in weights.items()]

    def wants_partials(self, live_view: bool) -> bool:
        """Return whether any output shows partials."""
        return live_view or bool(self.partials) or self.stream_format == "jsonl"

    def output_options(self) -> OutputOptions:
        """Return the options of `Outputs`."""
        from streamer.cli.support.outputs import OutputOptions
        from streamer.text.options import writing_options

        names = {field.name for field in dataclasses.fields(OutputOptions)} - {"writing"}
        values = {name: getattr(self, name) for name in names}
        values["writing"] = writing_options(**self.written_form())
        values["clipboard"] = None if self.clipboard is None else self.clipboard.value
        values["format"] = None if self.format is None else self.format.value
        return OutputOptions(**values)
