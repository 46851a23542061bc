"""Counts the operations of Core ML networks that we write, for docs/coreml.md.

    python -m benchmarks.coreml_operations [--steps 16] [--units 64]

Of each shape, in float16: all operations but constants; those of one step (the difference between
two numbers of steps); and the largest number of times that a matrix is read for one window. The
network has random weights; the counts do not depend on them, nor on the number of units.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from streamer.acoustic.weights import Weights, expected_shapes
from streamer.convert.check.stored_precision import program_operations
from streamer.convert.coreml import open_model, write_coreml
from streamer.convert.options import SHAPES

#: Operations that multiply by a matrix.
PRODUCTS = ("conv", "linear", "matmul", "lstm")


def network(n_units: int) -> Weights:
    """Return a network of random weights."""
    random = np.random.default_rng(0)
    shapes = expected_shapes(26, 9, n_units, 29)
    layers = {name: random.standard_normal(s).astype(np.float32) for name, s in shapes.items()}
    return Weights(layers, {})


def operations(weights: Weights, shape: str, steps: int, lengths: bool) -> list[Any]:
    """Return the operations of a network as it is written, without constants."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_coreml(
            weights, Path(folder) / "m.mlpackage", steps, shape, "fp16", lengths=lengths
        )
        return [o for o in program_operations(open_model(path).spec) if o.type != "const"]


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--units", type=int, default=64)
    given = parser.parse_args(arguments)
    weights = network(given.units)
    print("| shape | operations | products | casts | in one step | most reads of a matrix |")
    print("| --- | --- | --- | --- | --- | --- |")
    for shape in SHAPES:
        for lengths in (False, True):
            found = operations(weights, shape, given.steps, lengths)
            fewer = operations(weights, shape, given.steps - 1, lengths)
            kinds = Counter(o.type for o in found)
            reads = Counter(
                name
                for o in found
                if o.type in PRODUCTS
                for name in {b.name for a in o.inputs.values() for b in a.arguments}
            )
            name = f"{shape}, `--lengths`" if lengths else shape
            products = sum(kinds[kind] for kind in PRODUCTS)
            print(
                f"| {name} | {len(found)} | {products} | {kinds['cast']} "
                f"| {len(found) - len(fewer)} | {max(reads.values())} |"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
