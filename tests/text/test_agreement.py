"""Text, display, word times and JSON of an utterance agree, whatever the switches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamer.output
from streamer.dictation import EventRewriter, load_commands
from streamer.engine.written_stream import WrittenStream
from streamer.events import Close, Event, Final, Partial, Word
from streamer.output import Edit
from streamer.output.jsonl import as_json
from streamer.text.numbers import DateStyle
from streamer.text.numbers.vocabulary import CODE_DIGITS, CURRENCIES, MONTHS, NUMBER_WORDS, ORDINALS
from streamer.text.options import VERBATIM, WritingOptions
from streamer.text.written import WrittenForm
from tests.text.test_written import MODELS, WORDS
from tests.text.undoing import is_spoken_as

TABLE = load_commands()
COMMAND_WORDS = {word for command in TABLE.commands for word in command.split()}
NUMBERS = sorted(
    {*NUMBER_WORDS, *CODE_DIGITS, *ORDINALS, *MONTHS, *CURRENCIES, "percent", "point", "hundred"}
)
SPOKEN = st.lists(st.sampled_from([*WORDS, *NUMBERS]), min_size=1, max_size=10)
DICTATED = st.lists(
    st.sampled_from([*WORDS, *NUMBERS, *sorted(COMMAND_WORDS)]), min_size=1, max_size=8
)
OPTIONS = st.builds(WritingOptions, st.booleans(), st.booleans(), st.sampled_from(DateStyle))


def events_of(
    utterances: Sequence[list[str]], seed: int, options: WritingOptions, model: Any
) -> list[Event]:
    """Return the events of utterances of which more and more is heard and becomes stable."""
    random = Random(seed)
    stream = WrittenStream(model, options)
    events: list[Event] = []
    now = 0.0
    for segment, said in enumerate(utterances):
        now += random.uniform(0, 4)
        spaced = timed(said, now, random)
        stable = 0
        while stable < len(said):
            stable = min(stable + random.randint(0, 3), len(said))
            guesses = random.choices([*WORDS, *NUMBERS], k=random.randint(0, 3))
            heard = [*spaced[:stable], *timed(guesses, spaced[stable - 1].end + 1, random)]
            text, kept = (" ".join(w.word for w in words) for words in (heard, heard[:stable]))
            shown = stream.partial(text, kept, heard)
            events.append(
                Partial(
                    segment, len(events), now, now + 1, text, kept, tuple(heard),
                    display=shown.text, display_stable=shown.stable,
                )
            )  # fmt: skip
        end = spaced[-1].end
        text = " ".join(said)
        shown = stream.final(text, spaced, end)
        events.append(
            Final(
                segment, len(events), now, end, text, text, tuple(spaced),
                display=shown.text, join=shown.join,
            )
        )  # fmt: skip
        now = end
        if segment == len(utterances) - 1 or random.random() < 0.5:
            mark = stream.close()
            events.append(Close(segment, len(events), now, mark or ""))
    return events


def timed(words: Sequence[str], begin: float, random: Random) -> list[Word]:
    result = []
    for word in words:
        end = begin + random.uniform(0.1, 0.4)
        result.append(Word(word, begin, end, random.random()))
        begin = end + random.choice([0.0, 0.05, 0.6])
    return result


@settings(max_examples=300, deadline=None)
@given(
    st.lists(SPOKEN, min_size=1, max_size=3),
    st.integers(0, 2**32 - 1),
    OPTIONS,
    st.sampled_from(MODELS),
)
def test_events_agree_with_themselves(
    utterances: list[list[str]], seed: int, options: WritingOptions, model: Any
) -> None:
    stable = ""
    for event in events_of(utterances, seed, options, model):
        if isinstance(event, Close):
            assert event.display in (("",) if not options.punctuation else ("", ".", "?", "!"))
            continue
        assert isinstance(event, (Partial, Final))
        assert [word.word for word in event.words] == event.text.split()
        assert is_spoken_as(event.display, event.text)
        assert event.display.startswith(stable)
        assert event.text.startswith(event.stable)
        if isinstance(event, Partial):
            assert event.display.startswith(event.display_stable)
            # What is stable in display stands for what is stable in text.
            assert is_spoken_as_beginning(event.display_stable, event.stable)
            stable = event.display_stable
        else:
            stable = ""


def is_spoken_as_beginning(display: str, text: str) -> bool:
    words = text.split()
    return any(is_spoken_as(display, " ".join(words[:n])) for n in range(len(words), -1, -1))


@settings(max_examples=100, deadline=None)
@given(st.lists(SPOKEN, min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_verbatim_displays_the_text(utterances: list[list[str]], seed: int) -> None:
    for event in events_of(utterances, seed, VERBATIM, MODELS[1]):
        if isinstance(event, Close):
            assert event.display == ""
        else:
            assert isinstance(event, (Partial, Final))
            assert event.display == event.text


@settings(max_examples=200, deadline=None)
@given(
    st.lists(DICTATED, min_size=1, max_size=3),
    st.integers(0, 2**32 - 1),
    OPTIONS,
    st.sampled_from(MODELS),
)
def test_dictation_leaves_what_was_said_as_it_is(
    utterances: list[list[str]], seed: int, options: WritingOptions, model: Any
) -> None:
    events = events_of(utterances, seed, options, model)
    rewriter = EventRewriter(WrittenForm(model, options), TABLE.find)
    text = ""
    for event in events:
        spoken, *edits = rewriter.rewrite(event)
        assert len(edits) <= 1
        if isinstance(event, (Partial, Final)):
            assert isinstance(spoken, type(event))
            assert (spoken.text, spoken.stable) == (event.text, event.stable)
            assert spoken.words == event.words
        if isinstance(event, Partial):
            assert spoken.display.startswith(spoken.display_stable)  # type: ignore[union-attr]
            assert not edits
        for edit in edits:
            assert isinstance(edit, Edit)
            if not edit.delete:
                if isinstance(spoken, Final):
                    assert edit.insert == spoken.join + spoken.display
                else:
                    assert isinstance(spoken, Close)
                    assert edit.insert == spoken.display
            text = edit.apply(text)
            if isinstance(spoken, Final):
                assert text.endswith(spoken.display)
        if rewriter.stop_requested:
            return


@settings(max_examples=100, deadline=None)
@given(
    st.lists(SPOKEN.filter(lambda words: not COMMAND_WORDS & {*words}), min_size=1, max_size=3),
    st.integers(0, 2**32 - 1),
    OPTIONS,
)
def test_without_commands_dictation_writes_the_same(
    utterances: list[list[str]], seed: int, options: WritingOptions
) -> None:
    events = events_of(utterances, seed, options, MODELS[0])
    rewriter = EventRewriter(WrittenForm(MODELS[0], options), TABLE.find)
    dictated = [rewriter.rewrite(event)[0] for event in events if not isinstance(event, Partial)]
    assert dictated == [event for event in events if not isinstance(event, Partial)]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(DICTATED, min_size=1, max_size=3), st.integers(0, 2**32 - 1), OPTIONS, st.booleans()
)
def test_the_schema_accepts_all_of_it_and_nothing_is_lost(
    utterances: list[list[str]], seed: int, options: WritingOptions, dictation: bool
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    path = Path(streamer.output.__file__).parent / "events.schema.json"
    validator = jsonschema.Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))
    rewriter = EventRewriter(WrittenForm(MODELS[2], options), TABLE.find)
    for event in events_of(utterances, seed, options, MODELS[2]):
        for item in rewriter.rewrite(event) if dictation else [event]:
            line = as_json(item)
            validator.validate(line)
            if isinstance(item, (Partial, Final)):
                assert (line["text"], line["display"]) == (item.text, item.display)
                assert [each["word"] for each in line["words"]] == item.text.split()
                times = [(each["start"], each["end"]) for each in line["words"]]
                assert all(begin <= end for begin, end in times)
                assert all(a[1] <= b[0] for a, b in zip(times, times[1:]))
