"""``streamer demo``: a recording at the pace of a microphone, and what it took."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, List, Optional, Tuple

import typer
from typing_extensions import Annotated

from streamer.cli.options import EngineOptions, ResultOptions, with_options

if TYPE_CHECKING:
    from streamer.events import Event
    from streamer.transcriber import About

#: The recording inside the package.
SAMPLE = "sample.flac"


def sample_path() -> Path:
    """Where the bundled recording lies."""
    from streamer.bundle import bundled_folder

    return bundled_folder() / SAMPLE


@with_options
def demo(
    engine: EngineOptions,
    results: ResultOptions,
    file: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE", help="Another recording than the bundled one."),
    ] = None,
) -> None:
    """Play a recording as if it were spoken into the microphone; figures follow."""
    from streamer.cli.session import Listening, say
    from streamer.terminal.choice import choose_for_streams
    from streamer.transcriber import make_source

    path = file or sample_path()
    source = make_source(path, True, 0, 0)
    choice = choose_for_streams(results.stream_format, results.stdout)
    with engine.transcriber(partials=results.wants_partials(choice.live)) as transcriber:
        listening = Listening(transcriber, results, choice)
        listening.run(lambda on_open: transcriber.run(source, on_open), "playing:", [path])
        for name, value in figures(listening.last, transcriber.about):
            say(f"{name:17} {value}")


def figures(last: Optional[Event], about: About) -> List[Tuple[str, str]]:
    """What a stream took, a row each.

    Args:
        last: the last event of the stream.
        about: what it ran on.
    """
    from streamer.cli.memory import peak_memory_mb
    from streamer.events import Stats

    rows = [("model", about.model), ("network", f"{about.backend} on {about.compute_unit}")]
    rows += [("decoder", about.decoder)]
    if isinstance(last, Stats):
        rows += [
            ("audio", f"{last.time:.2f} s, {last.chunks} chunks of the network"),
            ("network time", _milliseconds(last.chunk_p50_ms, last.chunk_p95_ms)),
            ("latency", _milliseconds(last.latency_p50_ms, last.latency_p95_ms)),
            ("real-time factor", f"{last.real_time_factor:.3f}"),
            ("lost samples", str(last.lost_samples)),
        ]
    memory_mb = peak_memory_mb()
    return [*rows, ("memory", "unknown" if memory_mb is None else f"{memory_mb:.0f} MB at most")]


def _milliseconds(p50: Optional[float], p95: Optional[float]) -> str:
    if p50 is None or p95 is None:
        return "nothing was said"
    return f"p50 {p50:.1f} ms, p95 {p95:.1f} ms"


def register(app: typer.Typer) -> None:
    """Add ``streamer demo`` to the command line."""
    app.command("demo")(demo)
