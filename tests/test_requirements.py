"""The versions in requirements/: complete, with hashes, within the bounds of pyproject.toml."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = ROOT / "requirements"
LOCKED = sorted(FOLDER.glob("*.txt"))

#: Needed at whatever version is there.
UNBOUNDED = {"setuptools"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    content: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return content


def name_of(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[ ;<>=\[]", requirement, maxsplit=1)[0]).lower()


def pins(path: Path) -> dict[str, list[str]]:
    """Pinned versions by package; a package has several, for different Pythons."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^(\S+?)==(\S+)", path.read_text("utf-8"), re.MULTILINE):
        found.setdefault(name_of(name), []).append(version)
    return found


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.stem)
def test_every_line_is_a_version_with_hashes_and_names_no_host(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "//" not in text and "--index" not in text and "--find-links" not in text
    joined = re.sub(r" \\\n +", " ", re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE))
    lines = joined.splitlines()
    assert lines
    for line in lines:
        assert re.fullmatch(r"\S+==\S+( ; .+?)?( --hash=sha256:[0-9a-f]{64})+", line), line[:100]


@pytest.mark.parametrize(
    ("file", "extras"),
    [
        ("run", []),
        ("test", ["dev", "convert"]),
        ("docs", ["docs"]),
        ("ds", ["ds"]),
        ("server", ["server", "clients"]),
        ("cluster", ["cluster", "object-store"]),
    ],
)
def test_every_requirement_is_pinned(file: str, extras: list[str], project: dict[str, Any]) -> None:
    wanted = list(project["project"]["dependencies"])
    for extra in extras:
        wanted += project["project"]["optional-dependencies"][extra]
    pinned = pins(FOLDER / f"{file}.txt")
    assert {name_of(each) for each in wanted} <= set(pinned)


def test_the_pins_are_within_the_bounds(project: dict[str, Any]) -> None:
    packaging = pytest.importorskip("packaging.requirements")
    pinned = pins(FOLDER / "run.txt")
    for text in project["project"]["dependencies"]:
        requirement = packaging.Requirement(text)
        for version in pinned[name_of(requirement.name)]:
            assert requirement.specifier.contains(version), (text, version)


def test_every_requirement_has_an_upper_bound(project: dict[str, Any]) -> None:
    optional = project["project"]["optional-dependencies"].values()
    everything = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    everything += [each for extra in optional for each in extra]
    unbounded = {
        name_of(each) for each in everything if not re.search(r"<\d|==", each.split(";")[0])
    }
    assert unbounded == UNBOUNDED


def test_what_builds_without_isolation_is_pinned(project: dict[str, Any]) -> None:
    """Setuptools for python_speech_features, which has no wheel, and streamer's own build."""
    pinned = pins(FOLDER / "build.txt")
    needed = {name_of(each) for each in project["build-system"]["requires"]}
    assert needed | {"pip", "setuptools", "editables"} <= set(pinned)
