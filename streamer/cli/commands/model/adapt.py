"""``streamer adapt``: a model of one's own, from twenty sentences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional

import typer

from streamer.cli.support.messages import echo, say
from streamer.cli.support.network_options import SHAPE_OPTION

if TYPE_CHECKING:
    from streamer.training.data.manifests import Clip


def adapt(
    data: Optional[list[Path]] = typer.Argument(
        None,
        help="Recordings of one speaker with their texts, in the formats of streamer train. "
        "Without any, streamer shows sentences and records them.",
    ),
    output: Path = typer.Option(..., "--output", "-o", help="Folder of the adapted model."),
    model: str = typer.Option("english", "--model", metavar="NAME|FOLDER", help="Model to adapt."),
    sentences: int = typer.Option(
        20, "--sentences", min=8, max=20, help="Number of sentences to read aloud."
    ),
    device: Optional[str] = typer.Option(
        None, "--device", metavar="NAME|NUMBER", help="Microphone to use."
    ),
    force: bool = typer.Option(
        False, "--force", help="Write the model even if it gains nothing on sentences held back."
    ),
    shape: Optional[list[str]] = SHAPE_OPTION,
) -> None:
    """Adapt a model to your voice.

    It learns from your recordings in a few minutes. First it is judged: each fifth of the
    sentences is held back once, and the model is written only if it makes fewer errors on what
    it did not learn from.
    """
    from streamer.convert.networks import check_networks, default_formats
    from streamer.training.requirements import need_torch

    check_networks(default_formats(), shape or ())
    need_torch()
    from streamer.bundle import load_bundle
    from streamer.errors import StreamerError
    from streamer.training.adaptation.adapt import Adaptation
    from streamer.training.data.manifests import read_data_set

    bundle = load_bundle(model)
    if data:
        clips = [clip for where in data for clip in read_data_set(where)]
    else:
        clips = _record(output, sentences, device)
    adaptation = Adaptation(bundle, clips)
    gain = adaptation.cross_validate(say)
    echo(
        f"on sentences held back: {gain.before} of {gain.words} words wrong before, "
        f"{gain.after} after ({gain.better} sentences better, {gain.worse} worse)"
    )
    if not gain.helps and not force:
        raise StreamerError(
            "the adapted model is no better for this voice, so it is not kept",
            "record more sentences, or keep the model you have",
        )
    adaptation.write(output, output.name, gain, say, shape or ())
    echo(f"model: {output}")
    say(f"use it: streamer --model {output}")


def _record(output: Path, sentences: int, device: str | None) -> list[Clip]:
    from streamer.audio.sources.microphone import MicrophoneSource
    from streamer.training.adaptation.prompts import SENTENCES
    from streamer.training.adaptation.recording import record_sentences

    say("Read each sentence as you usually speak. Recordings are kept beside the model.")
    return record_sentences(
        output.with_name(output.name + "-recordings"), SENTENCES[:sentences],
        lambda: MicrophoneSource(device), input, say,
    )  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add ``streamer adapt`` to the command line."""
    app.command("adapt")(adapt)
