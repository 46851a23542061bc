"""The layers of docs/architecture.md: who may import whom, no circles, no module over 400 lines.

The table in that file is the rule; it is read here, so that there is no second one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PACKAGE = ROOT / "streamer"
TABLE = ROOT / "docs" / "architecture.md"

MAX_LINES = 400


@cache
def table() -> dict[str, tuple[int, set[str]]]:
    """Layer and allowed imports of each part, by the table's columns 1, 2 and 4.

    A number in the last column stands for all parts of that layer, a range
    ("0 - 2") for those of several.
    """
    rows = re.findall(
        r"^\| (\d+) \| (.+?) \| .+? \| (.+?) \|$", TABLE.read_text("utf-8"), re.MULTILINE
    )
    layers = {part: int(layer) for layer, names, _ in rows for part in _names(names)}
    found = {}
    for layer, names, allowed in rows:
        parts = set(_names(allowed))
        for first, last in re.findall(r"(\d+)(?: - (\d+))?", allowed):
            numbers = range(int(first), int(last or first) + 1)
            parts |= {part for part, number in layers.items() if number in numbers}
        for part in _names(names):
            found[part] = (int(layer), parts)
    return found


def _names(cell: str) -> list[str]:
    return [name.rstrip("/") for name in re.findall(r"`([^`]+)`", cell)]


def parts() -> set[str]:
    """Modules and folders with modules, directly in the package."""
    names = {path.stem if path.is_file() else path.name for path in PACKAGE.iterdir()}
    return {name for name in names if files_of(name)}


def files_of(part: str) -> list[Path]:
    module = PACKAGE / f"{part}.py"
    return [module] if module.is_file() else sorted((PACKAGE / part).rglob("*.py"))


def part_of(module: str) -> str:
    """The part a module belongs to: ``audio`` for ``streamer.audio.ring``."""
    return module.split(".")[1] if "." in module else "__init__"


@cache
def modules() -> dict[str, Path]:
    """All modules of the package by name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        words = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(words[:-1] if words[-1] == "__init__" else words)] = path
    return found


@cache
def imports(path: Path) -> list[tuple[int, str]]:
    """Lines and modules of this package that a file imports, at its top or within functions.

    Imports that only type checkers see are left out.
    """
    return list(_imports(path))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If)
        and isinstance(block.test, ast.Name)
        and block.test.id == "TYPE_CHECKING"
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            if node.module and node.module.split(".")[0] == "streamer":
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    yield node.lineno, whole if whole in modules() else node.module
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "streamer":
                    yield node.lineno, alias.name


def test_every_part_of_the_package_has_its_row_and_every_row_its_part() -> None:
    assert parts() == set(table())


@pytest.mark.parametrize("part", sorted(table()))
def test_imports_go_inwards_only(part: str) -> None:
    _, allowed = table()[part]
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line} imports {module}"
        for path in files_of(part)
        for line, module in imports(path)
        if part_of(module) not in allowed | {part}
    ]
    assert not wrong, "\n".join(wrong)


def test_a_layer_imports_no_layer_above_it() -> None:
    for part, (layer, allowed) in table().items():
        above = {other for other in allowed if table()[other][0] > layer}
        assert not above, f"{part} is in layer {layer} and may import {above}"


def test_no_module_imports_itself_by_way_of_others() -> None:
    left = {
        name: {module for _, module in imports(path)} - {name} for name, path in modules().items()
    }
    while left:
        free = [name for name, needs in left.items() if not needs & left.keys()]
        if not free:
            break
        for name in free:
            del left[name]
    # What only imports a circle is no part of it.
    while unused := left.keys() - set().union(*left.values()):
        for name in unused:
            del left[name]
    assert not left, "\n".join(f"{n} imports {sorted(left[n] & left.keys())}" for n in sorted(left))


def test_no_module_has_more_than_400_lines() -> None:
    long = {
        str(path.relative_to(PACKAGE))
        for path in modules().values()
        if len(path.read_text(encoding="utf-8").splitlines()) > MAX_LINES
    }
    assert not long
