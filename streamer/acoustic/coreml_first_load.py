"""The first load of a Core ML model, in a process of its own.

coremltools holds Python's lock while Core ML compiles and loads a model. The first time that takes
seconds, for the Neural Engine minutes, in which no other thread would run: the live view would
freeze and audio be lost. So a child does both first; what Core ML makes of a model it keeps for all
processes. What its compiler prints does not reach the output of the program.

    python -m streamer.acoustic.coreml_first_load MODEL COMPILED COMPUTE_UNITS
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

#: The child.
PROGRAM = (sys.executable, "-m", "streamer.acoustic.coreml_first_load")


def load_in_child(
    model: Path, compiled: Path, compute_units: str, program: Sequence[str] = PROGRAM
) -> None:
    """Compile a model and load it once, and say so; other threads run meanwhile.

    Args:
        model: ``.mlpackage`` or ``.mlmodel``.
        compiled: the ``.mlmodelc`` to write; one that exists is loaded only.
        compute_units: processors that Core ML may use, in coremltools' spelling.
        program: replaces the child.

    Raises:
        RuntimeError: Core ML cannot compile or load it.
    """
    # To the stream of this moment: the live view shows it above itself.
    print("preparing the model for this Mac, once", file=sys.stderr)
    done = subprocess.run(
        [*program, str(model), str(compiled), compute_units],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise RuntimeError(lines[-1] if lines else f"it ended with {done.returncode}")


def main() -> None:
    """Compile if necessary, and load."""
    from streamer.acoustic.coreml_cache import compile_into
    from streamer.acoustic.coreml_runtime import CoreMLTools

    model, compiled, compute_units = sys.argv[1:]
    runtime = CoreMLTools()
    compile_into(runtime, Path(model), Path(compiled))
    # From its final place, in case Core ML's own cache depends on that.
    runtime.CompiledMLModel(compiled, getattr(runtime.ComputeUnit, compute_units))


if __name__ == "__main__":
    main()
