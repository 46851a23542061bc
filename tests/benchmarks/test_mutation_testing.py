"""The small faults that are put into modules, and the explanations of those that stay unnoticed."""

from __future__ import annotations

import ast
import os
import sys

import pytest

if not hasattr(os, "fork"):
    pytest.skip("needs fork", allow_module_level=True)

from benchmarks import mutation_testing
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


@pytest.mark.slow
def test_a_fault_is_noticed_and_a_test_that_claims_nothing_notices_none(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    every = list(mutants("streamer.printable"))[:2]
    tests = tmp_path_factory.mktemp("tests") / "test_nothing.py"
    tests.write_text("import streamer.printable\ndef test_nothing(): pass\n")
    sys.stdout.flush()
    assert mutation_testing._survivors(every, [str(tests)], jobs=2) == every
    noticed = mutation_testing._survivors(every, MODULES["streamer.printable"], jobs=2)
    assert noticed == []
