"""Arithmetic apart from the checker's own finds what is wrong with a package, and only that."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("coremltools", reason="coremltools is not installed")

from benchmarks import coreml_arithmetic as arithmetic


def test_a_package_is_within_the_limits_of_its_precision(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert arithmetic.main(["--precision", "fp16", "--only", "lstm fp16 16 lengths"]) == 0
    line, verdict = capsys.readouterr().out.splitlines()
    assert line.endswith("ok") and verdict == "all within their limits"


def test_gates_in_another_order_are_missed_limits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = arithmetic.write_coreml

    def write_wrongly(weights: Any, path: Path, *arguments: Any, **more: Any) -> Path:
        i, j, f, o = np.split(weights.layers["lstm/kernel"], 4, axis=1)
        layers = {**weights.layers, "lstm/kernel": np.concatenate([f, j, i, o], axis=1)}
        return write(dataclasses.replace(weights, layers=layers), path, *arguments, **more)

    monkeypatch.setattr(arithmetic, "write_coreml", write_wrongly)
    assert arithmetic.main(["--precision", "fp32", "--only", "lstm fp32 4"]) == 1
    assert "MISSED" in capsys.readouterr().out
