"""What is fuzzed: each target reads one input and must end in a result or a StreamerError."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.support.paths import ROOT

CORPUS = ROOT / "tests" / "corpus"

#: Samples read of one input: more than a hundred seconds are more of the same.
_MAX_SAMPLES = 2_000_000


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        name: its name, and that of its folder in the corpus.
        run: reads one input; takes its bytes and a file name to put them in.
        seeds: inputs to begin with, by file name.
    """

    name: str
    run: Callable[[bytes, Path], object]
    seeds: dict[str, bytes]


def corpus(name: str) -> dict[str, bytes]:
    """Return the kept inputs of a target by name."""
    folder = CORPUS / name
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*")) if file.is_file()}


def _written(data: bytes, path: Path) -> Path:
    path.write_bytes(data)
    return path


def _drain(source: object) -> None:
    heard = 0
    source.open(16000)  # type: ignore[attr-defined]
    try:
        while heard < _MAX_SAMPLES:
            block = source.read()  # type: ignore[attr-defined]
            if block is None:
                break
            assert np.isfinite(block).all()
            heard += len(block)
    finally:
        source.close()  # type: ignore[attr-defined]


def audio(folder: Path) -> Target:
    """Recordings by name: containers and headers."""
    from streamer.audio.sources.recording import RecordingSource

    def run(data: bytes, path: Path) -> None:
        _drain(RecordingSource(_written(data, path)))

    return Target("audio", run, corpus("audio"))


def standard_input(folder: Path) -> Target:
    """The same as a pipe."""
    from streamer.audio.sources.standard_input import StandardInputSource

    def run(data: bytes, path: Path) -> None:
        _drain(StandardInputSource(io.BytesIO(data)))

    seeds = {name: raw for name, raw in corpus("audio").items() if name.endswith(".wav")}
    return Target("standard_input", run, {**seeds, "raw": bytes(range(256)) * 8})


def bundle(folder: Path) -> Target:
    """``model.json`` beside the files that it names."""
    from streamer.bundle import read_bundle, write_bundle
    from streamer.decoding import DecodingSettings

    whole = folder / "whole"
    names = ["alphabet.txt", "english.onnx", "english.int8.onnx", "english.scorer",
             "english.lexicon.gz", "english.recurrent.safetensors",
             "english.mlpackage/weights"]  # fmt: skip
    for name in names:
        (whole / name).parent.mkdir(parents=True, exist_ok=True)
        (whole / name).write_bytes(b"contents")

    def run(data: bytes, path: Path) -> None:
        (whole / "model.json").write_bytes(data)
        found = read_bundle(whole)
        found.front_end()
        found.choose_network()
        DecodingSettings.from_mapping(found.decoding)
        write_bundle(found)

    return Target("bundle", run, corpus("bundle"))


def networks(folder: Path) -> Target:
    """Networks of all formats but ONNX: conversion and inspection."""
    from streamer.convert.inspection.inspect_model import inspect_model
    from streamer.convert.readers import read_network
    from streamer.convert.writers.safetensors import write_safetensors
    from streamer.errors import StreamerError
    from tests.support.models.bundles import random_weights
    from tests.support.models.graphs import graph_bytes, memory_mapped
    from tests.support.models.lite import lite_bytes

    weights = random_weights(2, n_input=3, n_context=1)
    write_safetensors(weights, folder / "made.safetensors")
    seeds = {
        "made.pb": graph_bytes(weights),
        "made.pbmm": memory_mapped(weights),
        "made.tflite": lite_bytes(weights)[0],
        "made.safetensors": (folder / "made.safetensors").read_bytes(),
    }

    def run(data: bytes, path: Path) -> None:
        _written(data, path)
        if path.suffix != ".safetensors":
            try:
                inspect_model(path)
            except StreamerError as error:
                assert "\n" not in str(error)
        read_network(path)

    return Target("networks", run, {**seeds, **corpus("networks")})


def onnx(folder: Path) -> Target:
    """ONNX: conversion, inspection, ONNX Runtime and one window."""
    from streamer.acoustic.onnx_model import OnnxAcousticModel
    from streamer.convert.inspection.inspect_model import inspect_model
    from streamer.convert.readers import read_network
    from streamer.convert.writers.onnx import write_onnx, write_onnx_int8
    from streamer.errors import StreamerError
    from tests.support.models.bundles import random_weights

    weights = random_weights(2, n_input=3, n_context=1)
    write_onnx(weights, folder / "made.onnx", 2)
    write_onnx_int8(weights, folder / "int8.onnx", 2)
    seeds = {name: (folder / name).read_bytes() for name in ("made.onnx", "int8.onnx")}

    def run(data: bytes, path: Path) -> None:
        _written(data, path)
        for read in (inspect_model, read_network):
            try:
                read(path)
            except StreamerError as error:
                assert "\n" not in str(error)
        model = OnnxAcousticModel(path)
        shape = (1, model.n_steps, 2 * model.n_context + 1, model.n_input)
        if np.prod(shape) < 1 << 20 and model.n_hidden < 1 << 20:
            model.infer(np.ones(shape, np.float32), model.n_steps, model.initial_state())

    return Target("onnx", run, {**seeds, **corpus("onnx")})


def scorer(folder: Path) -> Target:
    """Scorers: tables, words and probabilities."""
    from streamer.decoding.scorer.package import read_scorer
    from tests.support.paths import TINY_SCORER
    from tests.support.posteriors import ENGLISH

    def run(data: bytes, path: Path) -> None:
        found = read_scorer(_written(data, path))
        words = found.words(ENGLISH)[:50]
        n_grams = found.n_grams(words)
        states = n_grams.initial_states()
        for number in range(len(words)):
            n_grams.score(states, np.array([number]))

    return Target("scorer", run, {"tiny.scorer": TINY_SCORER.read_bytes(), **corpus("scorer")})


def lexicon(folder: Path) -> Target:
    """Lexicons: the text in gzip, and gzip itself (names that end in .gz)."""
    from streamer.decoding.lexicon.lexicon import read_lexicon

    def run(data: bytes, path: Path) -> None:
        packed = data if path.suffix == ".gz" else gzip.compress(data, 1)
        found = read_lexicon(_written(packed, path))
        for word in ["a", "hello", "world's", "zebra", *list(found.words)[:20]]:
            found.pronunciations(word)
            found.guesses(word, 10)

    seeds = corpus("lexicon")
    seeds.update({f"{name}.gz": gzip.compress(raw, mtime=0) for name, raw in seeds.items()})
    return Target("lexicon", run, seeds)


def leaves(folder: Path) -> Target:
    """Leaves of phonemes."""
    from streamer.decoding.lexicon.leaves import read_leaves, write_leaves
    from tests.support.leaves import random_leaves, untied

    seeds = {}
    tables = (untied(39), random_leaves(np.random.default_rng(0), 39, 20))
    for name, table in zip(("untied.txt", "tied.txt"), tables):
        write_leaves(table, folder / name)
        seeds[name] = (folder / name).read_bytes()

    def run(data: bytes, path: Path) -> None:
        found = read_leaves(_written(data, path))
        assert found.of([0, 38]) == [int(found.table[39, 0]), int(found.table[0, 38])]

    return Target("leaves", run, seeds)


def alphabet(folder: Path) -> Target:
    """Alphabets, and greedy search with them."""
    from streamer.decoding import create_decoder, read_alphabet

    def run(data: bytes, path: Path) -> None:
        found = read_alphabet(_written(data, path))
        n = len(found) + 1
        if n > 200:
            return
        decoder = create_decoder("greedy", found)
        decoder.feed(np.random.default_rng(n).dirichlet(np.ones(n), 30).astype(np.float32))
        assert found.decode(found.encode(text := found.decode(range(n - 1)))) == text
        decoder.hypothesis()
        decoder.finish()

    return Target("alphabet", run, corpus("alphabet"))


def config(folder: Path) -> Target:
    """Config files."""
    import typer

    from streamer.cli.app import build_app
    from streamer.cli.support.config_file import load_defaults

    command = typer.main.get_command(build_app())

    def run(data: bytes, path: Path) -> None:
        load_defaults(command, _written(data, path))

    return Target("config", run, corpus("config"))


def words(folder: Path) -> Target:
    """The user's words."""
    from streamer.decoding.user_words import read_user_words

    def run(data: bytes, path: Path) -> None:
        read_user_words(_written(data, path), lambda line: None)
        read_user_words(path)

    return Target("words", run, corpus("words"))


def records(folder: Path) -> Target:
    """JSON and arrays that are kept between sessions, and the recurrent language model."""
    from streamer.decoding.compiled.array_file import pack_arrays, unpack_arrays
    from streamer.decoding.language.recurrent_model import (
        read_recurrent_model,
        write_recurrent_model,
    )
    from streamer.models.compute_units import recall
    from streamer.models.download import _read_mark
    from streamer.models.registry import ModelStore

    (folder / "network").write_bytes(b"x")
    store = ModelStore(folder)
    random = np.random.default_rng(0)
    shapes = {"table": (5, 4), "bias": (5,), "lstm": (7, 12), "lstm_bias": (12,),
              "projection": (3, 4), "projection_bias": (4,)}  # fmt: skip
    tensors = {name: random.standard_normal(s).astype(np.float32) for name, s in shapes.items()}
    write_recurrent_model(folder / "made.safetensors", ["a", "b", "c"], tensors)
    mark = {"url": "http://example.org/a", "validator": '"1"', "total": 5}
    seeds = {
        "sums.json": json.dumps({"http://example.org/a": "0" * 64}).encode(),
        "mark.json": json.dumps(mark).encode(),
        "units.json": json.dumps({"x": {"compute_units": "ALL", "p50_ms": 1.0}}).encode(),
        "made.arrays": pack_arrays({"a": np.arange(5, dtype=np.int32), "b": np.ones((2, 3), "f4")}),
        "made.safetensors": (folder / "made.safetensors").read_bytes(),
    }

    def run(data: bytes, path: Path) -> None:
        _written(data, path)
        if path.suffix == ".arrays":
            try:
                unpack_arrays(memoryview(data))
            except ValueError:  # what its only caller expects
                return
        elif path.suffix == ".safetensors":
            model = read_recurrent_model(path)
            model.numbers(["a", "z"])
            states = model.initial_states()
            model.advance(states, np.array([0]), np.array([model.end]))
        else:
            (folder / "sums.json").write_bytes(data)
            (folder / "compute-units.json").write_bytes(data)
            _read_mark(path, "http://example.org/a")
            recall(folder / "network", folder)
            store._read_sums()

    return Target("records", run, {**seeds, **corpus("records")})


#: All targets by name; each is made in an empty folder.
TARGETS: dict[str, Callable[[Path], Target]] = {
    make.__name__: make
    for make in (audio, standard_input, bundle, networks, onnx, scorer, lexicon, leaves, alphabet,
                 config, words, records)
}  # fmt: skip
