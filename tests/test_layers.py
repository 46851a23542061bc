"""An inner stage never imports an outer one: the order is that of docs/architecture.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PACKAGE = ROOT / "streamer"

#: What each part of the package may import, besides itself.
_STAGES = {"audio", "features", "endpointing", "acoustic", "decoding"}
_CORE = {"errors", "events", "arrays", "percentiles"}
_MODELS = _CORE | _STAGES | {"bundle", "convert", "models"}
MAY_IMPORT: dict[str, set[str]] = {
    "arrays": set(),
    "errors": set(),
    "events": set(),
    "percentiles": set(),
    **{stage: _CORE for stage in _STAGES},
    "text": _CORE,
    "bundle": _CORE | _STAGES,
    "convert": _CORE | _STAGES | {"bundle"},
    "models": _CORE | _STAGES | {"bundle", "convert"},
    "engine": _MODELS,
    "transcriber": _MODELS | {"engine"},
    "output": _CORE,
    "terminal": _CORE,
    "dictation": _CORE | {"output"},
    "training": _MODELS | {"text"},
}
#: These stand outside of everything else and may import all of it.
OUTERMOST = {"cli", "__init__", "__main__"}


def parts() -> list[str]:
    names = {path.stem if path.is_file() else path.name for path in PACKAGE.iterdir()}
    return sorted(
        name
        for name in names
        if (PACKAGE / f"{name}.py").is_file() or list((PACKAGE / name).glob("**/*.py"))
    )


def files_of(part: str) -> list[Path]:
    module = PACKAGE / f"{part}.py"
    return [module] if module.is_file() else sorted((PACKAGE / part).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Lines and names of imports of this package, but for those that only type checkers see."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            if node.module == "streamer":
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif node.module and node.module.startswith("streamer."):
                yield node.lineno, node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("streamer."):
                    yield node.lineno, alias.name.split(".")[1]


def test_every_part_of_the_package_has_its_place() -> None:
    unknown = set(parts()) - set(MAY_IMPORT) - OUTERMOST - {"assets"}
    assert not unknown


@pytest.mark.parametrize("part", sorted(MAY_IMPORT))
def test_imports_go_inwards_only(part: str) -> None:
    allowed = MAY_IMPORT[part] | {part}
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line} imports {name}"
        for path in files_of(part)
        for line, name in imports(path)
        if name not in allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_the_table_has_no_circles() -> None:
    left = dict(MAY_IMPORT)
    while left:
        free = [part for part, needs in left.items() if not needs & left.keys()]
        assert free, f"a circle among {sorted(left)}"
        for part in free:
            del left[part]
