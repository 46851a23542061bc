"""The pictures in docs/ show what the live view draws today."""

from __future__ import annotations

import html
import importlib.util
import re
import sys
from types import ModuleType

import pytest

from tests.support.paths import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def screens() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_screens", DOCS / "screens.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_screens"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def words_in(svg: str) -> list[str]:
    """What stands in a picture; positions and colours are up to Rich's version."""
    rows = re.findall(r"<text[^>]*>(.*?)</text>", svg, re.S)
    return [html.unescape(row).replace("\xa0", " ").strip() for row in rows]


def test_every_picture_is_there_and_shows_what_is_drawn(screens: ModuleType) -> None:
    for picture in screens.PICTURES:
        kept = (DOCS / f"{picture.name}.svg").read_text(encoding="utf-8")
        assert words_in(kept) == words_in(screens.draw(picture)), "run python docs/screens.py"
        assert len(kept) < 20_000 and "url(http" not in kept


def test_the_readme_shows_a_picture() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"\]\((docs/[\w-]+\.svg)\)", readme)
    assert shown and all((DOCS.parent / path).is_file() for path in shown)
