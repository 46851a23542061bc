"""``streamer models``: install public models by name, other models by path or URL."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import typer

from streamer.cli.support.messages import echo
from streamer.cli.support.network_options import CLIPS_OPTION, PRECISION_OPTION, SHAPE_OPTION
from streamer.printable import printable

if TYPE_CHECKING:
    from streamer.models.registry import Precision


def _name_of(path: str) -> str:
    stem = Path(path.split("?", 1)[0].rstrip("/")).name
    for suffix in (".pbmm", ".pb", ".tflite", ".safetensors", ".onnx"):
        if stem.lower().endswith(suffix):
            stem = stem[: -len(suffix)]
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in stem.lower()).strip(".-_")


def _precision(name: str, recordings: Optional[list[Path]]) -> Precision:
    from streamer.models.registry import Precision

    return Precision(name, recordings or (), lambda line: echo(line, err=True))


def list_models(
    all_models: bool = typer.Option(
        False, "--all", help="List every public model, not only one for each need."
    ),
) -> None:
    """List installed models and models that can be downloaded."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from streamer.bundle import load_bundle
    from streamer.models import KNOWN, RECOMMENDED, ModelStore

    store = ModelStore()
    installed = {model.name: model for model in store.installed()}
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "installed", "licence", "about"):
        table.add_column(heading, overflow="fold")
    table.add_row(
        "english", "bundled", printable(load_bundle("english").licence), "streamer's own model"
    )
    for name, model in installed.items():
        about = KNOWN[name].about if name in KNOWN else str(model.folder)
        row = (name, f"{model.size / 1e6:.0f} MB", model.licence, about)
        table.add_row(*(Text(printable(cell)) for cell in row))
    others = [name for name in KNOWN if name not in RECOMMENDED] if all_models else []
    for name in [*RECOMMENDED, *others]:
        if name not in installed:
            known = KNOWN[name]
            size = "" if known.download_mb is None else f" ({known.download_mb} MB to download)"
            need = f"{RECOMMENDED[name]}; " if name in RECOMMENDED else ""
            table.add_row(name, "-", known.licence, need + known.about + size)
    Console(soft_wrap=True).print(table)
    if not all_models:
        left_out = sum(name not in RECOMMENDED and name not in installed for name in KNOWN)
        echo(f"{left_out} other public models: streamer models list --all", err=True)


def pull(
    name: str = typer.Argument(
        ..., help="Name of a public model, or the URL of a .pbmm or .tflite."
    ),
    scorer: Optional[str] = typer.Option(None, help="URL of its .scorer, if NAME is a URL."),
    alphabet: Optional[str] = typer.Option(None, help="URL of its alphabet.txt, if NAME is a URL."),
    as_name: Optional[str] = typer.Option(None, "--as", help="Name to install it under."),
    sha256: Optional[str] = typer.Option(None, help="SHA-256 of the network, if NAME is a URL."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Download without asking."),
    shape: Optional[list[str]] = SHAPE_OPTION,
    precision: str = PRECISION_OPTION,
    audio: Optional[list[Path]] = CLIPS_OPTION,
) -> None:
    """Download, check, convert and install a model."""
    from dataclasses import replace

    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from streamer.cli.support.progress_bar import bar_console
    from streamer.errors import ModelError, UsageError
    from streamer.models import KNOWN, KnownModel, ModelStore, RemoteFile

    chosen = _precision(precision, audio)
    if "://" in name:
        model = KnownModel(
            name=as_name or _name_of(name),
            licence="unknown: see its source",
            about=name,
            network=RemoteFile(name, sha256=sha256),
            scorer=None if scorer is None else RemoteFile(scorer),
            alphabet=None if alphabet is None else RemoteFile(alphabet),
        )
    elif scorer or alphabet or sha256:
        raise UsageError(
            "--scorer, --alphabet and --sha256 need a URL", "leave them out with a name"
        )
    elif name in KNOWN:
        model = replace(KNOWN[name], name=as_name or name)
    else:
        raise ModelError(
            f"no public model called {name!r}", "list the names with: streamer models list"
        )
    store = ModelStore()
    console = bar_console()
    size = "" if model.download_mb is None else f", about {model.download_mb} MB"
    echo(f"{model.name}: {model.about}{size}, licence {model.licence}", err=True)
    files = [f for f in (model.network, model.scorer, model.alphabet) if f is not None]
    for file in files:
        if not store.is_trusted(file):
            echo(
                f"  {file.file_name}: no public checksum is known; its SHA-256 is recorded now and "
                "checked in future downloads",
                err=True,
            )
    if not yes and console.is_terminal and not typer.confirm("Download it?", True, err=True):
        raise typer.Exit(1)
    text = TextColumn("{task.description}")
    columns = (text, BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:

        def follow(file_name: str):  # type: ignore[no-untyped-def]
            task = bars.add_task(escape(printable(file_name)), total=None)
            return lambda received, total: bars.update(task, completed=received, total=total)

        folder = store.pull(
            model,
            follow,
            lambda: echo("waiting for another pull of this model", err=True),
            shapes=shape or (),
            precision=chosen,
        )
    echo(f"installed in {folder}", err=True)
    echo(f"use it with: streamer --model {model.name}", err=True)


def import_model(
    path: Path = typer.Argument(..., help="A .pbmm, .pb or .tflite, or a bundle's folder."),
    scorer: Optional[Path] = typer.Option(None, help="Its .scorer."),
    alphabet: Optional[Path] = typer.Option(
        None, help="Its alphabet.txt, if the network does not contain it."
    ),
    name: Optional[str] = typer.Option(None, help="Name to install it under."),
    licence: str = typer.Option("unknown", help="Licence of the model, kept in model.json."),
    shape: Optional[list[str]] = SHAPE_OPTION,
    precision: str = PRECISION_OPTION,
    audio: Optional[list[Path]] = CLIPS_OPTION,
) -> None:
    """Install a model from local files."""
    from streamer.models import ModelStore

    chosen = name or _name_of(str(path.resolve()))
    folder = ModelStore().import_files(
        path, chosen, scorer, alphabet, licence, shape or (), _precision(precision, audio)
    )
    echo(f"installed in {folder}; use it with: streamer --model {chosen}", err=True)


def show_path(
    name: Optional[str] = typer.Argument(
        None, help="A model; the folder of all models if left out."
    ),
) -> None:
    """Print the folder of a model, or of all models."""
    from streamer.models import ModelStore

    store = ModelStore()
    path = str(store.root if name is None else store.path(name))
    if sys.stdout is not None and sys.stdout.isatty():
        echo(path)
    else:
        print(path)  # for other programs, as it is


def remove(name: str = typer.Argument(..., help="An installed model.")) -> None:
    """Remove an installed model."""
    from streamer.models import ModelStore

    ModelStore().remove(name)
    echo(f"{name} removed", err=True)


def register(app: typer.Typer) -> None:
    """Add ``streamer models`` to the command line."""
    models = typer.Typer(no_args_is_help=True, help="List, download, import and remove models.")
    models.command("list")(list_models)
    models.command("pull")(pull)
    models.command("import")(import_model)
    models.command("path")(show_path)
    models.command("remove")(remove)
    app.add_typer(models, name="models")
