"""Streams of one model: they share it, and none hears the others."""

from __future__ import annotations

from streamer.engine.settings import RecogniserSettings
from streamer.events import Event, Final
from tests.server.speech import events_of, shared_model, variants

QUIET = RecogniserSettings(stats=False)


def without_stats(events: list[Event]) -> list[Event]:
    return [event for event in events if type(event).__name__ != "Stats"]


def test_streams_in_turns_have_the_events_that_each_has_alone() -> None:
    recordings = variants(4)
    recognisers = [shared_model().new_recogniser(QUIET) for _ in recordings]
    found: list[list[Event]] = [[] for _ in recordings]
    for start in range(0, max(map(len, recordings)), 2048):
        for recogniser, samples, events in zip(recognisers, recordings, found):
            block = samples[start : start + 2048]
            events += recogniser.feed(block.astype("float32") / 32768)
    for recogniser, events in zip(recognisers, found):
        events += recogniser.finish()
    alone = [without_stats(events_of(samples)) for samples in recordings]
    texts = {tuple(e.text for e in events if isinstance(e, Final)) for events in alone}
    assert len(texts) == len(recordings)
    assert [without_stats(events) for events in found] == [_renumbered(e) for e in alone]


def _renumbered(events: list[Event]) -> list[Event]:
    from dataclasses import replace

    return [replace(event, seq=number) for number, event in enumerate(events)]


def test_networks_and_language_models_are_there_once() -> None:
    first, second = (shared_model().new_recogniser() for _ in range(2))
    assert first._stages.model is second._stages.model
    searches = [each._stages.decoder.search for each in (first, second)]  # type: ignore[attr-defined]
    assert searches[0] is not searches[1]
    for part in ("_graph", "_n_grams", "_word_scores"):
        assert getattr(searches[0], part) is getattr(searches[1], part)
    detectors = [each._voice._detector for each in (first, second)]
    assert detectors[0]._session is detectors[1]._session  # type: ignore[attr-defined]
