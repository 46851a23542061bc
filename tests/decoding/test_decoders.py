"""Every decoder: transcripts, word times, confidence, stability and user words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.decoding import (
    DecodingSettings,
    Hypothesis,
    UserWord,
    create_decoder,
    read_scorer,
)
from streamer.decoding.search.beam import BeamSearch
from streamer.decoding.streaming import StreamingDecoder
from streamer.errors import DecoderError
from tests.conftest import SHARED, needs_shared
from tests.support.decoders import (
    KINDS,
    SENTENCE,
    check_invariants,
    hear,
    made,
    n_columns,
    random_rows,
)
from tests.support.paths import TINY_SCORER as TINY
from tests.support.posteriors import ENGLISH, posteriors


@pytest.mark.parametrize("kind", KINDS)
def test_clear_speech_is_decoded_without_errors(kind: str) -> None:
    heard, final = hear(made(kind), posteriors(SENTENCE))
    check_invariants(heard, final)
    assert final.text == SENTENCE


@pytest.mark.parametrize("kind", KINDS)
def test_first_and_last_words_need_no_silence_around_them(kind: str) -> None:
    rows = posteriors(SENTENCE, lead_frames=0, tail_frames=0)
    assert hear(made(kind), rows)[1].text == SENTENCE


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "greedy"])
def test_a_language_model_corrects_errors_of_greedy(kind: str) -> None:
    better = 0
    for seed in range(6):
        rows = posteriors(SENTENCE, seed=seed, confusion=0.2)
        corrected, raw = hear(made(kind), rows)[1].text, hear(made("greedy"), rows)[1].text
        assert raw != SENTENCE
        better += corrected == SENTENCE
    assert better >= 4


@pytest.mark.parametrize("kind", KINDS)
def test_words_have_the_times_at_which_they_were_said(kind: str) -> None:
    rows = posteriors("the market", frames_per_letter=6.0, lead_frames=30)
    _heard, final = hear(made(kind), rows)
    peaks = [int(rows[:, ENGLISH.encode(letter)[0]].argmax()) for letter in "hk"]
    the, market = final.words
    assert the.start_frame <= peaks[0] < the.end_frame <= market.start_frame
    assert market.start_frame <= peaks[1] < market.end_frame <= len(rows)
    assert the.start_frame >= 30


@pytest.mark.parametrize("kind", KINDS)
def test_confidence_falls_with_clarity(kind: str) -> None:
    clear = hear(made(kind), posteriors(SENTENCE, seed=3, noise=0.0))[1]
    rows = posteriors(SENTENCE, seed=3, noise=0.0)
    blurred = hear(made(kind), np.ascontiguousarray(0.6 * rows + 0.4 / rows.shape[1]))[1]
    assert clear.text == blurred.text == SENTENCE
    for sure, unsure in zip(clear.words, blurred.words):
        assert sure.confidence > unsure.confidence


@pytest.mark.parametrize("kind", KINDS)
def test_most_words_are_stable_before_the_end(kind: str) -> None:
    heard, final = hear(made(kind), posteriors(SENTENCE, tail_frames=110))
    assert len(heard[-1].stable.split()) >= len(final.text.split()) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_reset_makes_utterances_independent(kind: str) -> None:
    rows = posteriors(SENTENCE, confusion=0.2)
    first = hear(made(kind), rows)
    hear(made(kind), posteriors("we went to the market"))
    assert hear(made(kind), rows) == first


@pytest.mark.parametrize("kind", KINDS)
def test_silence_and_no_frames_have_no_words(kind: str) -> None:
    decoder = made(kind)
    decoder.reset()
    assert decoder.finish() == Hypothesis()
    silence = np.zeros((700, 29), np.float32)
    silence[:, 28] = 1.0
    _heard, final = hear(decoder, silence)
    assert final.text == "" and final.words == ()
    decoder.reset()
    decoder.feed(np.zeros((0, n_columns(kind)), np.float32))
    assert decoder.hypothesis() == Hypothesis()


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_shapes_and_late_frames_are_rejected(kind: str) -> None:
    decoder = made(kind)
    decoder.reset()
    n = n_columns(kind)
    with pytest.raises(ValueError, match=str(n)):
        decoder.feed(np.zeros((16, n + 1), np.float32))
    with pytest.raises(ValueError):
        decoder.feed(np.zeros(n, np.float32))
    decoder.finish()
    with pytest.raises(RuntimeError):
        decoder.feed(np.zeros((1, n), np.float32))


@pytest.mark.parametrize("kind", KINDS)
def test_invalid_numbers_break_no_invariant(kind: str) -> None:
    rows = posteriors(SENTENCE)
    rows[20:24] = np.nan
    rows[30, 3] = np.inf
    rows[31, 3] = -np.inf
    rows[32] = 0.0
    check_invariants(*hear(made(kind), rows))


noise = st.tuples(
    st.integers(0, 2**31), st.sampled_from([0.02, 0.1, 0.3, 1.0]), st.integers(1, 400)
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None)
@given(noise=noise, size=st.sampled_from([1, 4, 16, 40]))
def test_invariants_hold_on_noise(kind: str, noise: tuple[int, float, int], size: int) -> None:
    check_invariants(*hear(made(kind), random_rows(*noise), size))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(
    words=st.lists(st.sampled_from(read_scorer(TINY).words(ENGLISH)), min_size=1, max_size=14),
    seed=st.integers(0, 2**31),
    confusion=st.sampled_from([0.0, 0.2, 0.5]),
    level=st.sampled_from([0.0, 0.1, 0.4]),
)
def test_invariants_hold_on_speech(
    kind: str, words: list[str], seed: int, confusion: float, level: float
) -> None:
    rows = posteriors(" ".join(words), seed=seed, confusion=confusion, noise=level)
    check_invariants(*hear(made(kind), rows))


def test_finishing_an_utterance_keeps_the_stable_words() -> None:
    # Ends in the middle of words outside the lexicon: the beam may lose every hypothesis.
    kept = 0
    for seed in range(30):
        rows = posteriors(SENTENCE, seed=seed, confusion=0.4, noise=0.3)
        heard, final = hear(made("beam"), np.ascontiguousarray(rows[: len(rows) * 2 // 3]))
        check_invariants(heard, final)
        kept += bool(heard[-1].stable)
    assert kept > 15


# -- user words ------------------------------------------------------------------------------


def test_a_new_word_is_found_only_as_a_user_word() -> None:
    rows = posteriors("we went to the market with zorblax", seed=2, confusion=0.1)
    without = hear(made("beam"), rows)[1].text
    decoder = create_decoder("beam", ENGLISH, TINY, None, [UserWord("zorblax")])
    heard, final = hear(decoder, rows)
    check_invariants(heard, final)
    assert "zorblax" not in without
    assert final.text == "we went to the market with zorblax"


def test_an_excluded_word_is_found_only_as_a_user_word() -> None:
    rows = posteriors("we went to the market", seed=2, confusion=0.1)
    decoder = create_decoder("beam", ENGLISH, TINY, excluded=["market"])
    assert "market" not in hear(decoder, rows)[1].text
    decoder = create_decoder("beam", ENGLISH, TINY, None, [UserWord("market")], excluded=["market"])
    assert hear(decoder, rows)[1].text == "we went to the market"


def test_a_hotword_is_made_likelier() -> None:
    # Halfway between two words of the scorer: the language model decides.
    like, unlike = posteriors("it was the", seed=1, noise=0.0), None
    rows = like.copy()
    label, other = ENGLISH.encode("h")[0], ENGLISH.encode("o")[0]
    at = int(rows[:, label].argmax())
    rows[at, [label, other]] = rows[at, label] * 0.45
    assert unlike is None
    texts: dict[float, str] = {}
    for weight in (-8.0, 0.0, 8.0):
        decoder = create_decoder("beam", ENGLISH, TINY, None, [UserWord("toe", weight)])
        texts[weight] = hear(decoder, np.ascontiguousarray(rows))[1].text
    assert texts[-8.0] == "it was the"
    assert texts[8.0] == "it was toe"


def test_unusable_user_words_are_rejected() -> None:
    with pytest.raises(DecoderError, match="naïve"):
        create_decoder("beam", ENGLISH, TINY, None, [UserWord("naïve")])
    with pytest.raises(DecoderError, match="language model"):
        create_decoder("greedy", ENGLISH, None, None, [UserWord("word")])


def test_the_lexicon_can_be_limited_to_the_likeliest_words() -> None:
    few = create_decoder(
        "beam", ENGLISH, TINY, DecodingSettings(max_words=200), [UserWord("mother")]
    )
    assert isinstance(few, StreamingDecoder) and isinstance(few.search, BeamSearch)
    words = read_scorer(TINY).words(ENGLISH)
    kept = [word for word in words if few.search.is_word(word)]
    assert len(kept) in (200, 201)
    assert {"the", "a", "mother"} <= set(kept) and "microphone" not in kept


@needs_shared
def test_the_original_scorer_works_unchanged() -> None:
    decoder = create_decoder("beam", ENGLISH, SHARED / "reference" / "pruned_lm.scorer")
    text = "the european moralist resolved to leave the party"
    assert hear(decoder, posteriors(text, confusion=0.1))[1].text == text
