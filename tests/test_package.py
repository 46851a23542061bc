"""The package: what its metadata claims, and that the files around it agree."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import streamer
from tests.support.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VERSION = re.compile(r"Programming Language :: Python :: 3\.(\d+)$")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    content: dict[str, Any] = tomllib.loads(text)
    return content


def minor_versions(classifiers: list[str]) -> list[int]:
    return [int(found[1]) for found in map(VERSION.match, classifiers) if found]


def test_the_version_has_one_home(project: dict[str, Any]) -> None:
    assert project["project"]["dynamic"] == ["version"]
    home = ROOT / project["tool"]["hatch"]["version"]["path"]
    assert home == ROOT / "streamer/__init__.py"
    assert f'__version__ = "{streamer.__version__}"' in home.read_text(encoding="utf-8")


def test_the_distribution_is_streamer_stt_and_the_command_streamer(project: dict[str, Any]) -> None:
    assert project["project"]["name"] == "streamer-stt"
    assert list(project["project"]["scripts"]) == ["streamer"]
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["streamer"]


def test_every_licence_file_is_there(project: dict[str, Any]) -> None:
    files = [Path(name) for name in project["project"]["license-files"]]
    names = {"LICENSE", "NOTICE", "CMUDICT-LICENSE", "SILERO-LICENSE"}
    assert names == {path.name for path in files}
    assert all((ROOT / path).is_file() for path in files)


def test_the_supported_versions_are_the_same_everywhere(project: dict[str, Any]) -> None:
    lowest = re.fullmatch(r">=3\.(\d+)", project["project"]["requires-python"])
    claimed = minor_versions(project["project"]["classifiers"])
    assert lowest is not None and claimed == list(range(int(lowest[1]), claimed[-1] + 1))
    script = (ROOT / ".ci/find-python").read_text(encoding="utf-8")
    tried = {int(minor) for minor in re.findall(r"\bpython3\.(\d+)\b", script)}
    assert tried >= set(claimed)
    assert f"(3, {min(tried)}) <= sys.version_info[:2] <= (3, {max(tried)})" in script
    assert str(project["tool"]["ruff"]["target-version"]) == f"py3{lowest[1]}"


def test_no_marker_leaves_linux_without_a_run_time_dependency(project: dict[str, Any]) -> None:
    conditional = [line for line in project["project"]["dependencies"] if ";" in line]
    assert [re.split(r"[><=]", line)[0] for line in conditional] == ["coremltools", "tomli"]
    assert "sys_platform == 'darwin'" in conditional[0]


@pytest.mark.parametrize("extra", ["convert", "tensorflow", "train"])
def test_coremltools_is_not_asked_for_where_it_has_no_release(
    project: dict[str, Any], extra: str
) -> None:
    (line,) = (
        line
        for line in project["project"]["optional-dependencies"][extra]
        if line.startswith("coremltools")
    )
    assert line.endswith("; python_version < '3.14'")


def test_the_api_page_documents_every_public_name() -> None:
    page = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    documented = re.findall(r"^::: streamer\.(\w+)$", page, re.M)
    assert sorted([*documented, "__version__"]) == sorted(streamer.__all__)


def test_the_site_has_every_page() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert set(re.findall(r": ([\w-]+\.md)$", menu, re.M)) == pages


def test_no_hint_installs_the_package_of_somebody_else() -> None:
    """`streamer` on the package index is another project; hints name the missing packages."""
    assert found_in_tree(r"pip install ['\"]?streamer([^-]|$)") == []


def test_no_file_names_the_host_of_a_package_registry() -> None:
    assert found_in_tree(r"pypi\.org|pythonhosted\.org|npmjs\.(org|com)|deb\.debian\.org") == []


def found_in_tree(pattern: str) -> list[str]:
    """Return the lines of tracked files that match an extended regular expression."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    done = subprocess.run(
        ["git", "grep", "-nIE", pattern], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("document", "columns", "at_least"), [("SECURITY.md", 2, 10), ("docs/faults.md", 4, 24)]
)
def test_every_row_of_what_is_promised_names_tests_that_exist(
    document: str, columns: int, at_least: int
) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?!\*\*|promise |fault |---)(.+) \|$", text, re.MULTILINE)
    assert len(rows) >= at_least
    for row in rows:
        cells = row.split(" | ")
        assert len(cells) == columns and all(cells), row
        named = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", cells[-1])
        assert named and len(named) == cells[-1].count("`") // 2, row
        for path, name in named:
            assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), name


def test_every_command_of_what_must_hold_names_tests_that_exist() -> None:
    rows = re.findall(r"^\| .+ \|$", (ROOT / "docs/figures.md").read_text(encoding="utf-8"), re.M)
    named = [path for row in rows for path in re.findall(r"tests/[\w/]+(?:\.py)?", row)]
    assert len(named) >= 15
    assert [path for path in named if not (ROOT / path).exists()] == []
