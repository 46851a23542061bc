"""Options for a second opinion on finals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Optional

import typer

from streamer.cli.support.option_groups import OptionGroup

_PANEL = "Second opinion"


@dataclass(frozen=True)
class FinalsOptions(OptionGroup):
    """``--finals`` and its time limit."""

    finals: Annotated[
        Optional[str],
        typer.Option(
            metavar="ENGINE",
            help="Let a larger engine transcribe each finished utterance again: a model or"
            " bundle, whisper[:MODEL|FOLDER] or moonshine[:MODEL|FOLDER].",
            rich_help_panel=_PANEL,
        ),
    ] = None
    finals_timeout: Annotated[
        Optional[float],
        typer.Option(
            min=0.05,
            metavar="SECONDS",
            help="Keep our own words if that takes longer; 1.5 with a microphone, 60 with a"
            " recording.",
            rich_help_panel=_PANEL,
            show_default=False,
        ),
    ] = None

    def arguments(self) -> dict[str, Any]:
        """Return the options as arguments of `streamer.Transcriber`."""
        return {"finals": self.finals, "finals_timeout_s": self.finals_timeout}
