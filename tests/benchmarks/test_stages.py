"""The meter of the stages benchmark."""

from __future__ import annotations

from benchmarks.stages import PERCENTS, STAGES, Meter
from streamer.engine.written_stream import WrittenStream
from streamer.text.options import WritingOptions


def test_calls_are_counted_while_the_meter_is_used_and_methods_are_restored() -> None:
    before = WrittenStream.__dict__["close"]
    stream = WrittenStream(None, WritingOptions())
    with Meter(["written form"]) as meter:
        stream.close()
        stream.close()
    stream.close()
    row = meter.figures(audio_s=2.0)["written form"]
    assert row["calls"] == 2
    assert row["cpu"] >= 0
    assert all(row[f"p{percent}_ms"] >= 0 for percent in PERCENTS)
    assert WrittenStream.__dict__["close"] is before


def test_every_stage_is_made_of_methods_that_exist() -> None:
    for calls in STAGES.values():
        assert all(callable(getattr(owner, name)) for owner, name in calls)
