"""A program that shows scripted events in the real live view; the tests run it in a terminal.

Usage: ``python -m tests.support.terminal.terminal_driver CONTROL LOG [OPTION...]``. Each line of
CONTROL (a named pipe) is an order in JSON, carried out at once; LOG records what the keys do.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import sys
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

from streamer import events
from streamer.errors import DeviceError
from streamer.output import create_writer, standard_output
from streamer.terminal import (
    LiveView,
    ViewActions,
    ViewInfo,
    open_keyboard,
    route_streams,
    save_transcript,
)
from streamer.terminal.live_view import FRAMES_PER_S

INFO = ViewInfo(
    device="built-in microphone",
    rate_hz=48_000,
    model="english",
    backend="onnx",
    compute_unit="CPU",
)
#: Says nothing of its own at the end.
QUIET = replace(INFO, microphone=False)


def event_of(order: dict[str, Any]) -> events.Event:
    """Return the event of an order such as ``{"partial": {...}}``, with defaults."""
    ((kind, given),) = order.items()
    fields: dict[str, Any] = dict(given)
    fields["words"] = tuple(events.Word(*word) for word in fields.get("words", ()))
    if kind in ("partial", "final"):
        defaults = {"segment": 0, "seq": 0, "start": 0.0, "end": 1.0}
        fields.setdefault("stable", fields["text"] if kind == "final" else "")
        make: Callable[..., events.Event] = getattr(events, kind.capitalize())
        return make(**{**defaults, **fields})
    del fields["words"]
    if kind == "stats":
        defaults = {
            "seq": 0,
            "time": 12.0,
            "real_time_factor": 0.031,
            "latency_p50_ms": 212.0,
            "latency_p95_ms": 340.0,
            "lost_samples": 0,
            "level_dbfs": -18.0,
            "peak_dbfs": -9.0,
            "clipped": False,
            "speaking": True,
        }
        return events.Stats(**{**defaults, **fields})
    if kind == "close":
        return events.Close(**{"segment": 0, "seq": 0, "time": 1.0, "display": ".", **fields})
    if kind == "gap":
        return events.Gap(**{"seq": 0, "start": 1.0, "end": 1.5, "samples": 8000, **fields})
    return events.Notice(**{"seq": 0, "time": 1.0, **fields})


def main() -> None:
    """Run until an order or a key ends the program."""
    control, log_path, *options = sys.argv[1:]
    log = open(log_path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115
    orders: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def obey() -> None:
        with open(control, encoding="utf-8") as lines:
            for line in lines:
                orders.put(json.loads(line))
        orders.put(None)

    def note(word: str) -> Callable[[], None]:
        return lambda: print(word, file=log)

    def refuse() -> None:
        raise DeviceError("the microphone is busy", "close the program that uses it")

    def save(text: str) -> str:
        print("save", file=log)
        return save_transcript(text, Path(log_path).parent).name

    def stop() -> None:
        print("quit", file=log)
        orders.put(None)

    routing = route_streams(plain="plain" in options)
    writer = (
        create_writer("text", standard_output(), marks=False) if routing.writer_prints else None
    )
    threading.Thread(target=obey, daemon=True).start()
    actions = ViewActions(
        pause=note("pause"),
        resume=refuse if "busy" in options else note("resume"),
        end_utterance=note("end"),
        quit=stop,
        undo=lambda final: print(f"undo {final.text}", file=log),
        save=save,
        edit=lambda text: print(f"edit {text}", file=log),
        remember=lambda heard, written: print(f"remember {heard} = {written}", file=log),
    )
    view: LiveView | None = None
    if routing.live:
        view = LiveView(
            INFO if "farewell" in options else QUIET,
            actions,
            timestamps="timestamps" in options,
            keyboard=open_keyboard(),
            prints_finals=routing.view_prints_finals,
            theme=next((name for name in ("dark", "light", "none") if name in options), None),
            loading="loading" in options,
        )
        view.start()
    print("pid", os.getpid(), file=log)
    print("started", file=log)
    began = time.monotonic()
    try:
        while True:
            order = orders.get()
            if order is None or "stop" in order:
                break
            if "crash" in order:
                raise RuntimeError("as ordered")
            if "fault" in order:
                ctypes.string_at(0)
            if "complain" in order:
                # Like `warnings.warn`, but without the path, which would wrap the line.
                warnings.warn_explicit(order["complain"], UserWarning, "driver.py", 1)
                continue
            if "opened" in order or "loaded" in order:
                assert view is not None
                (view.opened if "opened" in order else view.loaded)(INFO)
                continue
            event = event_of(order)
            if view is not None and isinstance(event, events.Final):
                view.make_room()
            if writer is not None:
                writer.write(event)
            if view is not None:
                view.write(event)
                if isinstance(event, events.Final):  # its mark is none
                    view.write(events.Close(event.segment, 0, event.end, ""))
    finally:
        if view is not None:
            view.close()
            frames_allowed = (time.monotonic() - began) * FRAMES_PER_S + 2
            print("frames", "many" if view.frames > frames_allowed else view.frames, file=log)
    print("ended", file=log)


if __name__ == "__main__":
    main()
