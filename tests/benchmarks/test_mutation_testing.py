"""The small faults that are put into modules, and the explanations of those that stay unnoticed."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

if not hasattr(os, "fork"):
    pytest.skip("needs fork", allow_module_level=True)

from benchmarks.mutation_testing import MODULES, SURVIVORS, explained, mutants
from tests.support.paths import ROOT


def test_each_mutant_is_a_program_that_differs_in_one_place() -> None:
    module = "streamer.decoding.stability"
    path = ROOT / "streamer/decoding/stability.py"
    original = ast.unparse(ast.parse(path.read_text(encoding="utf-8"))).splitlines()
    changed = [ast.unparse(mutant.tree).splitlines() for mutant in mutants(module)]
    assert len(changed) > 30
    for lines in changed:
        compile("\n".join(lines), module, "exec")
        assert 1 <= len(set(lines) ^ set(original)) <= 3
    assert len({tuple(lines) for lines in changed}) == len(changed)


def test_every_explained_survivor_is_a_mutant_of_today() -> None:
    known = explained()
    assert len(known) == SURVIVORS.read_text(encoding="utf-8").count("[[survivor]]")
    for module in MODULES:
        there = {(module, each.before, each.change) for each in mutants(module)}
        assert {each for each in known if each[0] == module} <= there
    assert {each[0] for each in known} <= set(MODULES)


#: In a process of its own: mutants are made of modules that nobody has imported yet.
_RUN = """
import sys
from benchmarks import mutation_testing
from benchmarks.mutation_testing import MODULES, mutants
every = list(mutants("streamer.printable"))[:2]
assert mutation_testing._survivors(every, [sys.argv[1]], jobs=2) == every
assert mutation_testing._survivors(every, MODULES["streamer.printable"], jobs=2) == []
"""


@pytest.mark.slow
def test_a_fault_is_noticed_and_a_test_that_claims_nothing_notices_none(tmp_path: Path) -> None:
    tests = tmp_path / "test_nothing.py"
    tests.write_text("import streamer.printable\ndef test_nothing(): pass\n")
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(tests)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
