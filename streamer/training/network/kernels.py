"""Fast training kernels for CPUs with bfloat16 instructions (AMX or AVX-512).

PyTorch trains a network of this size at a fraction of such a CPU's speed: its LSTM converts
formats at every time step, its batch normalisation makes many passes over float32, and its CTC
computes in logarithms. `kernels.cpp` does each in one pass. It is compiled at the first training
on a machine with the instructions and a C++ compiler; otherwise PyTorch's own operations are used.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

import torch
from platformdirs import user_cache_path
from torch import Tensor

from streamer.training.network.number_formats import cpu_flags

#: Instruction sets, fastest first: required flags of /proc/cpuinfo, flags for the compiler.
_INSTRUCTION_SETS = {
    "AMX": (("amx_bf16", "amx_tile", "avx512_bf16"), "-march=sapphirerapids"),
    "AVX-512": (
        ("avx512_bf16", "avx512bw", "avx512dq", "avx512vl"), "-march=x86-64-v4 -mavx512bf16"
    ),
}  # fmt: skip
_COMPILER_FLAGS = ["-O3", "-fno-math-errno", "-std=c++20"]


def instruction_set() -> str:
    """Return the instruction set of the kernels here: AMX, AVX-512, or "" if none."""
    flags = cpu_flags()
    fitting = [
        name for name, (needed, _) in _INSTRUCTION_SETS.items() if all(f in flags for f in needed)
    ]
    return fitting[0] if fitting else ""


def why_not() -> str:
    """Return the reason why the kernels cannot be used here, or "" if they can."""
    if not instruction_set():
        return "the CPU has no avx512_bf16"
    try:
        _load()
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return f"they could not be compiled ({lines[0]})"
    return ""


@functools.cache
def _load() -> Any:
    """Load the library, compiling `kernels.cpp` if needed.

    It is kept in the user's cache under a hash of source, flags and versions. It is compiled in a
    temporary folder and moved there whole, so that no process waits for another one's
    compilation, or for one that was killed.
    """
    from torch.utils import cpp_extension

    source = Path(__file__).with_name("kernels.cpp")
    flags = [*_COMPILER_FLAGS, *_INSTRUCTION_SETS[instruction_set()][1].split()]
    inputs = source.read_bytes() + repr((flags, torch.__version__, sys.version)).encode()
    name = f"streamer_training_kernels_{instruction_set().lower().replace('-', '')}"
    folder = user_cache_path("streamer", appauthor=False) / "kernels"
    library = folder / hashlib.sha256(inputs).hexdigest()[:16] / f"{name}.so"
    if library.is_file():
        spec = importlib.util.spec_from_file_location(name, library)
        assert spec is not None and spec.loader is not None
        module: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as build:
            module = cpp_extension.load(
                name, [str(source)], extra_cflags=flags, build_directory=build
            )
            library.parent.mkdir(exist_ok=True)
            os.replace(Path(build) / library.name, library)
    if not module.begin():
        raise RuntimeError("the system does not permit the use of AMX tiles")
    return module


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gates: Tensor, n_frames: Tensor, weight: Tensor) -> Tensor:
        small = weight.bfloat16()
        h, c, acts = _load().lstm_forward(gates, n_frames, small)
        ctx.save_for_backward(h, c, acts, n_frames, small)
        return cast(Tensor, h)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        h, c, acts, n_frames, small = ctx.saved_tensors
        d_gates = _load().lstm_backward(grad.contiguous(), n_frames, c, acts, small)
        # The recurrent input of each step: the output of the step before, 0 at a clip's first.
        before = torch.zeros_like(h)
        before[1:] = h[:-1]
        before[(n_frames.cumsum(0) - n_frames)[n_frames > 0]] = 0
        return d_gates, None, (d_gates.t() @ before).float()


def recurrence(gates: Tensor, n_frames: Tensor, weight: Tensor) -> Tensor:
    """Return an LSTM's outputs, bfloat16 (frames, n); the state is zero before each clip.

    Args:
        gates: bfloat16 (frames, 4 n): the input's part of the gates i, f, g, o; the clips one
            after the other.
        n_frames: int64 (clips,).
        weight: float32 (4 n, n), the recurrent matrix; n is a multiple of 32.
    """
    return cast(Tensor, _Recurrence.apply(gates, n_frames, weight))  # type: ignore[no-untyped-call]


class _Normalisation(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, limit: float, epsilon: float,
        dropout: float,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        seed = int(torch.randint(2**31, ())) if dropout else 0
        result, *affine, mean, deviation = _load().norm_forward(
            x, weight, bias, limit, epsilon, dropout, seed
        )
        ctx.save_for_backward(x, result, weight, *affine, mean, deviation)
        ctx.limit, ctx.dropout = limit, dropout
        ctx.mark_non_differentiable(mean, deviation)
        return result, mean, deviation

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        d_x, d_weight, d_bias = _load().norm_backward(
            grad.contiguous(), *ctx.saved_tensors, ctx.limit, ctx.dropout
        )
        return d_x, d_weight, d_bias, None, None, None


def normalised(x: Tensor, norm: torch.nn.BatchNorm1d, limit: float, dropout: float) -> Tensor:
    """Return batch normalisation, clipped units and dropout of x, bfloat16 (frames, n).

    Args:
        x: bfloat16 (frames, n); n is a multiple of 16.
        norm: gain, bias and running statistics, which are updated.
        limit: units are clipped to 0 .. limit.
        dropout: share of units that are set to 0; the others are scaled up.
    """
    result, mean, deviation = _Normalisation.apply(  # type: ignore[no-untyped-call]
        x, norm.weight, norm.bias, limit, norm.eps, dropout
    )
    with torch.no_grad():
        variance = (deviation**-2 - norm.eps) * (len(x) / max(1, len(x) - 1))
        momentum = float(norm.momentum or 0.0)
        cast(Tensor, norm.running_mean).lerp_(mean, momentum)
        cast(Tensor, norm.running_var).lerp_(variance, momentum)
        cast(Tensor, norm.num_batches_tracked).add_(1)
    return cast(Tensor, result)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dropout: float, seed: int) -> Tensor:
        ctx.dropout, ctx.seed = dropout, seed
        return cast(Tensor, _load().drop(x, dropout, seed))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        # The same seed drops the same units.
        return _load().drop(grad.contiguous(), ctx.dropout, ctx.seed), None, None


def dropped(x: Tensor, dropout: float) -> Tensor:
    """Return dropout of x, bfloat16 (frames, n).

    Args:
        x: bfloat16 (frames, n); n is a multiple of 16.
        dropout: share of units that are set to 0; the others are scaled up.
    """
    seed = int(torch.randint(2**31, ()))
    return cast(Tensor, _Dropout.apply(x, dropout, seed))  # type: ignore[no-untyped-call]


class _ClipLoss(torch.autograd.Function):
    """A loss per clip, of a kernel that returns its gradient as well."""

    @staticmethod
    def forward(ctx: Any, kernel: str, logits: Tensor, n_frames: Tensor, *others: Tensor) -> Tensor:
        compute = getattr(_load(), kernel)
        values, gradient = compute(logits.float().contiguous(), n_frames, *others)
        ctx.save_for_backward(gradient, n_frames)
        ctx.kind, ctx.n_others = logits.dtype, len(others)
        return cast(Tensor, values)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        gradient, n_frames = ctx.saved_tensors
        each = grad.repeat_interleave(n_frames)[:, None]
        return (None, (gradient * each).to(ctx.kind), None, *[None] * ctx.n_others)


def ctc(logits: Tensor, n_frames: Tensor, labels: Tensor, n_labels: Tensor) -> Tensor:
    """Return the CTC loss of each clip, float32 (clips,).

    The loss of a clip without labels, or with too few frames for them, is 0.

    Args:
        logits: (frames, labels), blank last, the clips one after the other.
        n_frames: int64 (clips,).
        labels: int64, all targets one after the other.
        n_labels: int64 (clips,).
    """
    return cast(Tensor, _ClipLoss.apply("ctc", logits, n_frames, labels, n_labels))  # type: ignore[no-untyped-call]


def log_denominator(
    logits: Tensor, n_frames: Tensor, trigram: Tensor, leaves: Tensor | None = None
) -> Tensor:
    """Return `streamer.training.optimisation.losses.log_denominator`, float32 (clips,).

    Args:
        logits: (frames, labels), blank last, the clips one after the other.
        n_frames: int64 (clips,).
        trigram: float32 (labels,) * 3.
        leaves: int64 (labels, labels - 1), the column of each label behind each other one; None
            if each label has one column.
    """
    others = (trigram,) if leaves is None else (trigram, leaves)
    kernel = "all_sentences" if leaves is None else "all_leaves"
    return cast(Tensor, _ClipLoss.apply(kernel, logits, n_frames, *others))  # type: ignore[no-untyped-call]
