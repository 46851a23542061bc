"""Long recordings are cut at pauses, at the same samples however they arrive."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.archive.cuts import LEAD_SAMPLES, LONGEST, PAUSE_SAMPLES, Cutter, Piece, pieces
from streamer.audio.sources.array import ArraySource
from streamer.endpointing.voice_activity import CHUNK_SAMPLES, VoiceActivity
from streamer.errors import AudioError

RATE_HZ = 16000
PIECE_S = 20.0


class LoudIsSpeech:
    """A detector that takes whatever is not silent for speech."""

    def probabilities(self, chunks) -> list[float]:
        return [float(np.abs(chunk).max() > 0.01) for chunk in chunks]

    def reset(self) -> None:
        pass


def recording(seconds: float, pauses: Sequence[tuple[float, float]]) -> np.ndarray:
    """Noise, silent from one second to another."""
    rng = np.random.default_rng(0)
    samples = rng.uniform(-0.5, 0.5, round(seconds * RATE_HZ)).astype(np.float32)
    for begin, end in pauses:
        samples[round(begin * RATE_HZ) : round(end * RATE_HZ)] = 0
    return samples


def cut(samples: np.ndarray, block: int = 8192, piece_s: float = PIECE_S) -> list[Piece]:
    cutter = Cutter(piece_s, VoiceActivity(LoudIsSpeech()))
    found = []
    for start in range(0, len(samples), block):
        found += cutter.feed(samples[start : start + block])
    last = cutter.finish()
    return found if last is None else [*found, last]


def seconds(found: list[Piece]) -> list[float]:
    return [piece.begin / RATE_HZ for piece in found]


def test_a_recording_no_longer_than_a_piece_stays_whole() -> None:
    assert seconds(cut(recording(PIECE_S, [(5, 8), (15, 19)]))) == [0.0]


def test_a_piece_ends_in_the_middle_of_the_first_pause_after_its_length() -> None:
    found = cut(recording(45, [(10, 13), (24, 27), (28, 35)]))
    # Decided when 1.5 s of the pause have been heard.
    assert seconds(found) == [0.0, pytest.approx(24.75, abs=CHUNK_SAMPLES / RATE_HZ)]


def test_without_such_a_pause_it_ends_in_the_longest_one_soon_after() -> None:
    found = cut(recording(45, [(21, 21.3), (25, 25.9), (27, 27.2)]))
    assert len(found) == 2
    assert seconds(found)[1] == pytest.approx(25.45, abs=CHUNK_SAMPLES / RATE_HZ)


def test_speech_without_any_pause_is_cut_all_the_same() -> None:
    found = cut(recording(65, []))
    longest = PIECE_S * LONGEST
    assert seconds(found) == pytest.approx([0, longest, 2 * longest], abs=0.1)


def test_a_pause_that_began_before_the_length_of_a_piece_counts() -> None:
    found = cut(recording(40, [(18, 22)]))
    assert seconds(found) == [0.0, pytest.approx(19.25, abs=0.1)]


def test_silence_is_cut_into_pieces_of_that_length() -> None:
    found = seconds(cut(recording(100, [(0, 100)]), piece_s=10.0))
    assert np.diff(found) == pytest.approx([9.25] * (len(found) - 1), abs=0.1)
    assert len(found) == 11


def test_pieces_are_the_recording() -> None:
    samples = recording(200, [(n, n + 2) for n in range(7, 200, 11)])
    found = cut(samples)
    assert len(found) > 4
    assert np.array_equal(np.concatenate([piece.samples for piece in found]), samples)
    begins = np.cumsum([0] + [len(piece.samples) for piece in found])
    assert [piece.begin for piece in found] == begins[:-1].tolist()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 130), st.floats(0.1, 4)), max_size=12),
    st.integers(1, 60000),
    st.sampled_from([10.0, 20.0, 45.0]),
)
def test_cuts_do_not_depend_on_blocks(pauses, block, piece_s) -> None:
    samples = recording(140, [(begin, begin + length) for begin, length in pauses])
    block = max(block, 200)
    expected = [(piece.begin, len(piece.samples)) for piece in cut(samples, 16000, piece_s)]
    assert all(n / RATE_HZ >= piece_s - 0.8 for _, n in expected[:-1])
    assert [(piece.begin, len(piece.samples)) for piece in cut(samples, block, piece_s)] == expected


def test_voice_activity_is_judged_only_near_the_end_of_a_piece() -> None:
    class Counting(LoudIsSpeech):
        chunks = 0

        def probabilities(self, chunks) -> list[float]:
            Counting.chunks += len(chunks)
            return super().probabilities(chunks)

    cutter = Cutter(300.0, VoiceActivity(Counting()))
    cutter.feed(recording(310, [(302, 306)]))
    heard = LEAD_SAMPLES + 2 * RATE_HZ + PAUSE_SAMPLES
    assert Counting.chunks * CHUNK_SAMPLES == pytest.approx(heard, abs=2 * CHUNK_SAMPLES)


class Faulty(ArraySource):
    """A recording that is damaged at its end."""

    def read(self):
        samples = super().read()
        if samples is None:
            raise AudioError("damaged", "record it again")
        return samples


def test_all_pieces_before_a_fault_come_first() -> None:
    source = Faulty(recording(30, []), RATE_HZ)
    found = []
    with pytest.raises(AudioError, match="damaged"):
        for piece in pieces(source, 10.0):
            found.append(piece)
    assert sum(len(piece.samples) for piece in found) == 30 * RATE_HZ
