"""The escape helper: nothing from outside reaches a terminal raw."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.printable import printable, printable_lines

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029,
                                  *map(ord, BIDI)])  # fmt: skip
def test_each_control_and_each_mark_of_direction_is_escaped(code: int) -> None:
    shown = printable(f"a{chr(code)}b")
    assert shown.isascii() and shown.isprintable()
    assert shown[0] == "a" and shown[-1] == "b" and "\\" in shown


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_other_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@given(st.text())
def test_what_comes_out_can_be_encoded_and_has_no_controls(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in shown)
    assert printable(shown) == shown


def test_bytes_that_are_not_utf_8_are_shown_as_such() -> None:
    assert printable(b"M\xfcller".decode("utf-8", "surrogateescape")) == r"M\xfcller"
    assert printable("\udc80\udcff") == r"\x80\xff"
    assert printable("\ud83d\udc7f\udd00") == r"\ud83d\udc7f\udd00"


def test_line_breaks_can_be_kept() -> None:
    assert printable_lines("a\tb\n\nc\r\n") == "a\\tb\n\nc\\r\n"
