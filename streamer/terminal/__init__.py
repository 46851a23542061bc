"""The live view on standard error, and the routing of finals between it and the writers."""

from streamer.terminal.key_bindings import ViewActions
from streamer.terminal.live_view import LiveView
from streamer.terminal.routing import Routing, RoutingOptions, route, route_streams
from streamer.terminal.saving import save_transcript
from streamer.terminal.tty.keyboard import open_keyboard
from streamer.terminal.view_state import ViewInfo, ViewState

__all__ = [
    "LiveView",
    "Routing",
    "RoutingOptions",
    "ViewActions",
    "ViewInfo",
    "ViewState",
    "open_keyboard",
    "route",
    "route_streams",
    "save_transcript",
]
