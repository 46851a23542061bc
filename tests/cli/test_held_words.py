"""Words that wait for their final stay on the screen."""

from __future__ import annotations

from streamer.cli.support.held_words import HeldWords
from streamer.events import Partial
from tests.support.events import final, partial


def shown(held: HeldWords, text: str, stable: str, segment: int) -> tuple[str, str]:
    event = held.show(partial(text, stable, segment))
    assert isinstance(event, Partial)
    return event.display, event.display_stable


def test_the_words_of_an_utterance_stay_until_its_final() -> None:
    held = HeldWords()
    assert shown(held, "one two", "one", 0) == ("one two", "one")
    assert shown(held, "three", "", 1) == ("one two three", "one two ")
    assert shown(held, "three four", "three", 1) == ("one two three four", "one two three")
    held.show(final("one to", 0))
    assert shown(held, "three four", "three", 1) == ("three four", "three")


def test_a_stream_without_waiting_finals_is_drawn_as_it_comes() -> None:
    held = HeldWords()
    for event in (partial("one"), final("one"), partial("two", segment=1)):
        assert held.show(event) is event
