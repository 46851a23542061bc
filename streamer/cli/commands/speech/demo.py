"""``streamer demo``: a recording at the pace of a microphone, then its figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from streamer.cli.support.option_groups import with_options
from streamer.cli.support.options import EngineOptions, ResultOptions
from streamer.printable import printable

if TYPE_CHECKING:
    from streamer.events import Event
    from streamer.transcriber import About

#: The recording inside the package.
SAMPLE = "sample.flac"


def sample_path() -> Path:
    """Return the path of the bundled recording."""
    from streamer.bundle import bundled_folder

    return bundled_folder() / SAMPLE


@with_options
def demo(
    engine: EngineOptions,
    results: ResultOptions,
    file: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE", help="Recording to play; the bundled one by default."),
    ] = None,
) -> None:
    """Play a recording as if spoken into the microphone, then print speed and latency."""
    from streamer.audio.sources.factory import make_source
    from streamer.cli.support.session import LiveSession, choose_routing

    path = file or sample_path()
    source = make_source(path, True, 0, 0)
    routing = choose_routing(results)
    transcriber = engine.transcriber(
        partials=results.wants_partials(routing.live), **results.written_form()
    )
    with transcriber:
        session = LiveSession(transcriber, results, routing)
        session.run(lambda on_open: transcriber.run(source, on_open), "playing:", [path])
        print_table(figures(session.last, transcriber.about, session.on_screen_ms))


def figures(
    last: Optional[Event], about: About, on_screen_ms: Optional[tuple[float, float]] = None
) -> list[tuple[str, str]]:
    """Return speed, latency and memory of a stream, as names and values.

    Args:
        last: the last event of the stream.
        about: the model and backend used.
        on_screen_ms: p50 and p95 until words were on the screen; None without one.
    """
    from streamer.cli.support.memory import peak_memory_mb
    from streamer.convert.coreml.compute_plan import planned_devices
    from streamer.events import Stats

    rows = [("model", about.model), ("network", f"{about.backend} on {about.compute_unit}")]
    if about.compiled is not None:
        rows += [("layers", planned_devices(about.compiled, about.compute_unit))]
    rows += [("decoder", about.decoder)]
    if isinstance(last, Stats):
        rows += [
            ("audio", f"{last.time:.2f} s, {last.chunks} chunks of the network"),
            ("network time", _milliseconds(last.chunk_p50_ms, last.chunk_p95_ms)),
            ("latency", _milliseconds(last.latency_p50_ms, last.latency_p95_ms)),
            *([("on the screen", _milliseconds(*on_screen_ms))] if on_screen_ms else []),
            ("real-time factor", f"{last.real_time_factor:.3f}"),
            ("lost samples", str(last.lost_samples)),
        ]
    memory_mb = peak_memory_mb()
    return [*rows, ("memory", "unknown" if memory_mb is None else f"{memory_mb:.0f} MB at most")]


def print_table(rows: Sequence[tuple[str, str]]) -> None:
    """Print names and values in two columns on standard error."""
    import shutil
    import textwrap

    from streamer.cli.support.messages import say

    indent = max(len(name) for name, _ in rows) + 4
    width = max(min(shutil.get_terminal_size().columns - 2, 88), indent + 20)
    say("")
    for name, value in rows:
        first = f"  {name:{indent - 2}}"
        lines = textwrap.wrap(printable(value), width - indent) or [""]
        for number, line in enumerate(lines):
            say((first if number == 0 else " " * indent) + line)


def _milliseconds(p50: Optional[float], p95: Optional[float]) -> str:
    if p50 is None or p95 is None:
        return "nothing was said"
    return f"p50 {p50:.1f} ms, p95 {p95:.1f} ms"


def register(app: typer.Typer) -> None:
    """Add ``streamer demo`` to the command line."""
    app.command("demo")(demo)
