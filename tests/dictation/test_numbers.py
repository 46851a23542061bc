"""Spoken numbers to digits."""

from __future__ import annotations

import sys

import pytest

from streamer.dictation import (
    DictationFormatter,
    PlainFormatter,
    create_number_writer,
    load_commands,
)
from streamer.errors import UsageError


def test_numbers_become_digits_and_a_lone_one_stays_a_word():
    pytest.importorskip("text_to_num")
    formatter = PlainFormatter(create_number_writer())
    assert formatter.feed(0, "one of twenty five apples").text == "one of 25 apples"


def test_numbers_do_not_span_commands():
    pytest.importorskip("text_to_num")
    formatter = DictationFormatter(load_commands(), create_number_writer())
    assert formatter.feed(0, "twenty comma five hundred people").text == "20, 500 people"


def test_an_unsupported_language_is_one_error():
    pytest.importorskip("text_to_num")
    with pytest.raises(UsageError, match="language 'xx'"):
        create_number_writer("xx")


def test_a_missing_library_is_an_error_that_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "text_to_num", None)
    with pytest.raises(UsageError, match=r"pip install text2num"):
        create_number_writer()
