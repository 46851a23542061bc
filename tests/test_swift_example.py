"""`examples/swift` builds, and computes what Python computes, where there is a Swift."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.swift_reference import write_reference

PACKAGE = ROOT / "examples/swift"


@pytest.mark.slow
def test_swift_computes_the_windows_and_letters_of_python(tmp_path: Path) -> None:
    swift = shutil.which("swift")
    if swift is None:
        pytest.skip("there is no swift on the PATH")
    reference = tmp_path / "reference"
    assert len(write_reference(reference).split()) > 5
    done = subprocess.run(
        [swift, "test", "--package-path", PACKAGE, "--scratch-path", tmp_path / "build"],
        env={**os.environ, "HOME": str(tmp_path), "STREAMER_REFERENCE": str(reference)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tests = (PACKAGE / "Tests/StreamerTests/ReferenceTests.swift").read_text(encoding="utf-8")
    expected = len(re.findall(r"func test\w+\(", tests))
    assert f"Executed {expected} tests, with 0 failures" in done.stdout + done.stderr


def test_the_package_is_two_source_files_without_dependencies() -> None:
    sources = sorted(path.name for path in (PACKAGE / "Sources").rglob("*.swift"))
    assert sources == ["Framer.swift", "Recogniser.swift"]
    assert ".package(" not in (PACKAGE / "Package.swift").read_text(encoding="utf-8")
