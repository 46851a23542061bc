"""The terminal: the live view on standard error, its keys, and who prints what."""

from streamer.terminal.live_view import LiveView, ViewActions, stderr_console
from streamer.terminal.routing import ViewChoice, ViewOptions, choose_for_streams, choose_view
from streamer.terminal.saving import save_transcript
from streamer.terminal.tty.keyboard import open_keyboard
from streamer.terminal.view_state import ViewInfo, ViewState

__all__ = [
    "LiveView",
    "ViewActions",
    "ViewChoice",
    "ViewInfo",
    "ViewOptions",
    "ViewState",
    "choose_for_streams",
    "choose_view",
    "open_keyboard",
    "save_transcript",
    "stderr_console",
]
