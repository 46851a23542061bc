"""Options for archives: pieces of long recordings, and workers by Ray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Optional

import typer

from streamer.cli.support.choices import Engine, one_of
from streamer.cli.support.option_groups import OptionGroup
from streamer.errors import UsageError

_PANEL = "Archives"

#: Length of a piece with ``--on ray``, in minutes.
PIECE_MINUTES = 10.0


@dataclass(frozen=True)
class ArchiveOptions(OptionGroup):
    """``--on``, ``--ray``, ``--workers`` and ``--piece``."""

    on: Annotated[
        Optional[Engine],
        typer.Option(
            metavar=one_of(Engine),
            help="Transcribe on all cores, or a cluster, by Ray; inputs and --output-dir may be"
            " addresses such as s3://bucket/folder. What is done already is not done again.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    ray: Annotated[
        Optional[str],
        typer.Option(
            metavar="HOST:PORT",
            help="Use the Ray cluster at this address instead of this machine.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    workers: Annotated[
        Optional[int],
        typer.Option(
            min=1,
            metavar="N",
            help="Workers on Ray; by default one for each core.",
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None
    piece: Annotated[
        Optional[float],
        typer.Option(
            min=0.2,
            metavar="MINUTES",
            help="Cut longer recordings at pauses into pieces of about this length; 10 on Ray.",
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None

    @property
    def piece_s(self) -> Optional[float]:
        """Length of a piece, in seconds; None for whole recordings."""
        minutes = self.piece or (PIECE_MINUTES if self.on is not None else None)
        return None if minutes is None else minutes * 60

    def check(self) -> None:
        """Check what goes together.

        Raises:
            UsageError: an option needs another one.
        """
        if self.on is not None:
            return
        for name, value in (("ray", self.ray), ("workers", self.workers)):
            if value is not None:
                raise UsageError(f"--{name} needs --on ray", "give both")
