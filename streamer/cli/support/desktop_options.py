"""Options for dictation on a desktop: keys, a warm microphone, saved audio."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from streamer.cli.support.option_groups import OptionGroup
from streamer.errors import UsageError

if TYPE_CHECKING:
    from streamer.cli.support.remote import RemoteControl
    from streamer.transcriber import Transcriber

_PANEL = "Desktop"


@dataclass(frozen=True)
class DesktopOptions(OptionGroup):
    """How a desktop starts and stops listening."""

    paused: Annotated[
        bool,
        typer.Option(
            "--paused",
            help="Begin with the microphone closed; streamer start, or a key, opens it.",
            rich_help_panel=_PANEL,
        ),
    ] = False
    keep_warm: Annotated[
        float,
        typer.Option(
            min=0.0,
            metavar="SECONDS",
            help="Keep the microphone open this long after a stop; the next start then includes"
            " the half second before it.",
            rich_help_panel=_PANEL,
        ),
    ] = 0.0
    hotkey: Annotated[
        Optional[str],
        typer.Option(
            metavar="KEYS",
            help="Start and stop by a key of the whole desktop, such as ctrl+alt+d (macOS, X11;"
            " needs pynput).",
            rich_help_panel=_PANEL,
        ),
    ] = None
    push_to_talk: Annotated[
        bool,
        typer.Option(
            "--push-to-talk",
            help="With --hotkey, listen only while the keys are held.",
            rich_help_panel=_PANEL,
        ),
    ] = False

    save_audio: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE.flac|FOLDER",
            help="Save what is heard: all in one file, or a file an utterance, with a manifest"
            " for streamer train.",
            rich_help_panel=_PANEL,
        ),
    ] = None

    def arguments(self) -> dict[str, Any]:
        """Return the options as arguments of `streamer.Transcriber`."""
        return {**self.microphone_arguments(), "save_audio": self.save_audio}

    def microphone_arguments(self) -> dict[str, Any]:
        """Return the options of the microphone as arguments of `MicrophoneSource`."""
        return {"keep_warm_s": self.keep_warm, "begin_paused": self._begins_paused}

    def remote_control(self, transcriber: Transcriber) -> RemoteControl:
        """Return the control of a session.

        Raises:
            UsageError: the hotkey does not exist or cannot be listened for.
        """
        from streamer.cli.support.remote import RemoteControl

        if self.push_to_talk and self.hotkey is None:
            raise UsageError("--push-to-talk needs --hotkey", "add --hotkey KEYS")
        return RemoteControl(
            transcriber, self._begins_paused, self.keep_warm, self.hotkey, self.push_to_talk
        )

    @property
    def _begins_paused(self) -> bool:
        return self.paused or self.push_to_talk
