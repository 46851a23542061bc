"""``streamer replay``: a recording with its words lit in time."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamer.cli.support.option_groups import with_options
from streamer.errors import UsageError

if TYPE_CHECKING:
    from streamer.replay.controller import Controller
    from streamer.replay.player import Player
    from streamer.terminal.tty.keyboard import Keyboard

#: Time between two frames, in seconds.
_FRAME_S = 0.05


@with_options
def replay(
    recording: Annotated[Path, typer.Argument(metavar="SESSION.flac", help="Recording to play.")],
    transcript: Annotated[
        Path, typer.Argument(metavar="TRANSCRIPT.jsonl", help="Its transcript, in JSON lines.")
    ],
    mute: Annotated[bool, typer.Option("--mute", help="Show the words without a sound.")] = False,
) -> None:
    """Play a recording with its words lit in time; enter on a word plays it."""
    from streamer.replay.controller import Controller
    from streamer.replay.player import Loudspeaker, Mute, Player
    from streamer.replay.transcript import read_transcript
    from streamer.terminal import open_keyboard
    from streamer.terminal.tty.streams import is_terminal

    words = read_transcript(transcript)
    keyboard = open_keyboard()
    if keyboard is None or not is_terminal(sys.stdout):
        raise UsageError("replay needs a terminal", "run it in one, without a pipe")
    player = Player(recording, Mute if mute else Loudspeaker)
    try:
        player.play(0.0)
        _show(Controller(player, words), player, keyboard)
    finally:
        player.close()


def _show(controller: Controller, player: Player, keyboard: Keyboard) -> None:
    """Draw and obey keys until the end."""
    from streamer.terminal.tty.full_screen import FullScreen

    before: list[str] = []
    with FullScreen(keyboard, sys.stdout.fileno()) as screen:
        while not controller.ended:
            size = shutil.get_terminal_size()
            rows = controller.screen(size.columns, size.lines)
            if rows != before or screen.erased:
                before, screen.erased = rows, False
                screen.write("\x1b[H" + "\x1b[K\r\n".join(rows) + "\x1b[J")
            keys = keyboard.read(_FRAME_S)
            if keys is None:
                return
            for key in keys:
                controller.press(key, size.columns)


def register(app: typer.Typer) -> None:
    """Add ``streamer replay`` to the command line."""
    app.command("replay")(replay)
