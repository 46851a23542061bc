"""Events as text and as data."""

from __future__ import annotations

import dataclasses

from streamer.events import Final, Gap, Notice, Partial, Stats, Word

WORDS = (Word("hello", 0.5, 0.8, 0.9), Word("there", 0.8, 1.2, 0.7))
PARTIAL = Partial(0, 3, 0.48, 1.2, "hello there", "hello", WORDS)
FINAL = Final(0, 3, 0.48, 1.2, "hello there", "hello", WORDS)


def test_an_event_reads_as_one_line() -> None:
    stats = Stats(1, 2.5, 0.0623, 210.4, 400.0, 16, -23.4, -3.0, False, True)
    assert str(FINAL) == "[0.48 - 1.20] hello there"
    assert str(PARTIAL) == "[0.48 - 1.20] hello there ..."
    assert str(Gap(0, 1.0, 1.5, 8000)) == "[1.00 - 1.50] 0.50 s of audio lost"
    assert str(Notice(0, 3.0, "it is dark", "open the curtain")) == (
        "[3.00] warning: it is dark - open the curtain"
    )
    assert str(stats) == (
        "[2.50] level -23 dBFS, real-time factor 0.06, latency 210 ms, 16 samples lost"
    )
    assert " ".join(map(str, WORDS)) == "hello there"


def test_partial_and_final_share_their_fields_and_are_never_equal() -> None:
    names = [field.name for field in dataclasses.fields(Partial)]
    finals = [field.name for field in dataclasses.fields(Final)]
    assert names[:-1] == finals[:-2] and finals[-2:] == ["join", "engine"]
    assert names[:6] == ["segment", "seq", "start", "end", "text", "stable"]
    assert PARTIAL != FINAL
    assert not isinstance(FINAL, Partial)
    assert repr(FINAL).startswith("Final(segment=0, seq=3")


def test_without_a_written_form_the_words_are_displayed() -> None:
    assert (PARTIAL.display, PARTIAL.display_stable) == ("hello there", "hello")
    assert FINAL.display == "hello there"


def test_a_join_is_a_mark_and_a_space() -> None:
    final = dataclasses.replace(FINAL, join="? ")
    assert (final.mark, final.space) == ("?", " ")
    assert (FINAL.mark, FINAL.space) == ("", "")
    assert dataclasses.replace(FINAL, join="\n\n").space == "\n\n"
    assert FINAL.marked("!").display == "hello there!"
