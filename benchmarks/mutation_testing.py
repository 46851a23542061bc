"""Mutation testing: does a test fail for each small fault in the modules that everything rests on?

    python -m benchmarks.mutation_testing [MODULE ...] [--jobs 2]

Every comparison, sum, constant, condition and statement of a module is changed, one at a time, and
the module's own unit tests run until the first failure. A change that no test notices is a
survivor. `mutation_survivors.toml` explains those that cannot be noticed or need not be; any other
is printed, and the exit code is 1.

Left alone are docstrings, annotations, words of errors, `frozen` of data classes, and constants of
a module: measured choices, which a test could only repeat. Needs a system with `fork`.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib.abc
import importlib.util
import io
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
SURVIVORS = Path(__file__).with_name("mutation_survivors.toml")

#: Modules and the tests that have to notice; slow ones are left out.
MODULES = {
    "streamer.audio.ring": ["tests/audio/test_ring_interleavings.py", "tests/audio/test_ring.py"],
    "streamer.features.framer": ["tests/features/test_framer.py", "tests/features/test_tail.py"],
    "streamer.endpointing.endpointer": [
        "tests/endpointing/test_endpointer.py",
        "tests/endpointing/test_endpointing.py",
    ],
    "streamer.endpointing.rules": ["tests/endpointing/test_endpointing.py"],
    "streamer.decoding.stability": ["tests/decoding/test_stability.py"],
    "streamer.printable": ["tests/test_printable.py"],
}
#: A mutant that takes so much longer than the tests themselves hangs, which is noticed.
CPU_LIMIT_S, WALL_LIMIT_S = 10, 60

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Mutant(NamedTuple):
    """A changed module.

    Attributes:
        module: its name.
        line: number of the changed line.
        before: the changed line, or its first one, without indentation.
        change: what it became.
        tree: the whole module.
    """

    module: str
    line: int
    before: str
    change: str
    tree: ast.Module


def mutants(module: str) -> Iterator[Mutant]:
    """Yield all mutants of a module."""
    path = ROOT / (module.replace(".", "/") + ".py")
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    original = ast.parse(text)
    left_out = _left_out(original)
    for number, node in enumerate(ast.walk(original)):
        for change in range(0 if id(node) in left_out else _n_changes(node)):
            tree = copy.deepcopy(original)
            changed = list(ast.walk(tree))[number]
            _apply(tree, changed, change)
            ast.fix_missing_locations(tree)
            line = getattr(node, "lineno", 0)
            after = _unparsed(tree, changed)
            yield Mutant(module, line, lines[line - 1].strip(), after, tree)


def _n_changes(node: ast.AST) -> int:
    """Return in how many ways a node can be changed."""
    if isinstance(node, ast.Compare):
        return sum(len(_COMPARISONS.get(type(op), ())) for op in node.ops)
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        known = type(node.op) in _OPERATORS
        return int(known) + isinstance(node, ast.AugAssign)
    if isinstance(node, ast.Constant):
        return int(isinstance(node.value, (bool, int, float, str)))
    if isinstance(node, ast.UnaryOp):
        return int(isinstance(node.op, (ast.Not, ast.USub)))
    if isinstance(node, ast.Call):
        return int(isinstance(node.func, ast.Name) and node.func.id in _CALLS)
    if isinstance(node, ast.Return):
        nothing = node.value is None or (
            isinstance(node.value, ast.Constant) and node.value.value is None
        )
        return int(not nothing)
    whole = (ast.BoolOp, ast.If, ast.IfExp, ast.While, ast.Assign, ast.Expr, ast.Raise, ast.Break)
    return int(isinstance(node, whole))


def _apply(tree: ast.Module, node: Any, change: int) -> None:
    """Change a node in its place."""
    if isinstance(node, ast.Compare):
        for position, op in enumerate(node.ops):
            choices = _COMPARISONS.get(type(op), ())
            if change < len(choices):
                node.ops[position] = choices[change]()
                return
            change -= len(choices)
    elif isinstance(node, ast.AugAssign) and (change == 1 or type(node.op) not in _OPERATORS):
        _replace(tree, node, ast.Assign(targets=[node.target], value=node.value))
    elif isinstance(node, (ast.BinOp, ast.AugAssign)):
        node.op = _OPERATORS[type(node.op)]()
    elif isinstance(node, ast.Constant):
        value = node.value
        node.value = (
            not value if isinstance(value, bool) else value + ("X" if value == str(value) else 1)
        )
    elif isinstance(node, ast.UnaryOp):
        _replace(tree, node, node.operand)
    elif isinstance(node, ast.Call):
        node.func.id = _CALLS[node.func.id]
    elif isinstance(node, ast.Return):
        node.value = ast.Constant(None)
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        node.test = ast.UnaryOp(ast.Not(), node.test)
    else:
        _replace(tree, node, ast.Pass())


def _replace(tree: ast.Module, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list):
                for position, item in enumerate(value):
                    if item is old:
                        value[position] = new


def _left_out(tree: ast.Module) -> set[int]:
    """Return ids of nodes that are left alone; see above."""
    out: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = [
            getattr(node, "annotation", None), getattr(node, "returns", None),
        ]  # fmt: skip
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            parts.append(node)
        if isinstance(node, ast.Assign) and node in tree.body:
            constant = isinstance(node.value, ast.Constant)
            parts.append(node if constant else None)
        if isinstance(node, ast.keyword) and node.arg == "frozen":
            parts.append(node)
        if isinstance(node, (ast.Raise, ast.JoinedStr)):
            words = [part for part in ast.walk(node) if isinstance(part, ast.Constant)]
            parts += [part for part in words if isinstance(part.value, str)]
        out.update(id(each) for part in parts if part is not None for each in ast.walk(part))
    return out


def _unparsed(tree: ast.Module, node: ast.AST) -> str:
    """Return the innermost statement around a changed node, on one line."""
    best: ast.AST | None = None
    for candidate in ast.walk(tree):
        if isinstance(candidate, ast.stmt) and any(child is node for child in ast.walk(candidate)):
            best = candidate  # the walk goes from the outside in
    if best is None:
        return "removed, or an operator left out"
    return ast.unparse(best).splitlines()[0].strip()


class _Changed(importlib.abc.Loader, importlib.abc.MetaPathFinder):
    """Imports one module from a changed tree."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self._mutant.module:
            return None
        where = ROOT / (name.replace(".", "/") + ".py")
        return importlib.util.spec_from_file_location(name, where, loader=self)

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: Any) -> None:
        exec(compile(self._mutant.tree, module.__spec__.origin, "exec"), module.__dict__)


def start(mutant: Mutant | None, tests: Sequence[str]) -> int:
    """Run tests in a process of their own; return its number. It ends with 0 if they pass."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S))
            signal.alarm(WALL_LIMIT_S)
            if mutant is not None:
                sys.meta_path.insert(0, _Changed(mutant))
            code = _run(tests)
        finally:
            os._exit(code)
    return child


def _run(tests: Sequence[str]) -> int:
    import pytest
    from hypothesis import Phase, settings

    # Without the search for a smaller example, and the same examples each time.
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("mutation", phases=phases, database=None, derandomize=True)
    settings.load_profile("mutation")
    options = ["-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:randomly"]
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return int(pytest.main([*options, *(str(ROOT / test) for test in tests)]))


def explained() -> set[tuple[str, str, str]]:
    """Return the survivors that `mutation_survivors.toml` explains."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    entries = tomllib.loads(SURVIVORS.read_text(encoding="utf-8")).get("survivor", [])
    return {(each["module"], each["line"], each["change"]) for each in entries if each["why"]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 1 if a survivor is not explained."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(MODULES)}")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(arguments)
    import hypothesis  # noqa: F401 - once, for all processes to come
    import numpy  # noqa: F401
    import pytest  # noqa: F401

    known, unexplained = explained(), 0
    for module in options.modules or MODULES:
        tests = MODULES[module]
        if os.waitpid(start(None, tests), 0)[1] != 0:
            raise SystemExit(f"the tests of {module} fail without any change")
        every = list(mutants(module))
        began, alive = time.monotonic(), _survivors(every, tests, options.jobs)
        new = [each for each in alive if (module, each.before, each.change) not in known]
        unexplained += len(new)
        print(
            f"{module}: {len(every)} mutants, {len(every) - len(alive)} noticed,"
            f" {len(alive) - len(new)} survivors explained, {len(new)} not"
            f" ({time.monotonic() - began:.0f} s)",
            flush=True,
        )
        for each in new:
            print(f"  {each.line}: {each.before}\n     -> {each.change}", flush=True)
    return int(unexplained > 0)


def _survivors(every: Sequence[Mutant], tests: Sequence[str], jobs: int) -> list[Mutant]:
    """Return the mutants that pass, several processes at once."""
    waiting, running, passed = list(enumerate(every)), {}, set()
    while waiting or running:
        while waiting and len(running) < jobs:
            number, mutant = waiting.pop(0)
            running[start(mutant, tests)] = number
        child, status = os.wait()
        if status == 0:
            passed.add(running[child])
        del running[child]
    return [mutant for number, mutant in enumerate(every) if number in passed]


if __name__ == "__main__":
    sys.exit(main())
