"""Every decoder: what it hears, what it promises to keep, and what it costs."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.arrays import FloatArray
from streamer.decoding import (
    Alphabet,
    Decoder,
    DecodingSettings,
    Hypothesis,
    UserWord,
    create_decoder,
    parse_user_word,
    read_scorer,
    read_user_words,
)
from streamer.decoding.lexicon.letter_to_sound import PHONEMES, LetterToSound
from streamer.decoding.lexicon.lexicon import Lexicon, write_lexicon
from streamer.decoding.search.beam import BeamSearch
from streamer.decoding.search.contract import prime_with_letters
from streamer.decoding.search.ds import find_ds_package
from streamer.decoding.streaming import StreamingDecoder
from streamer.errors import DecoderError, ModelError, ScorerError, UsageError
from tests.conftest import SHARED, needs_shared
from tests.support.paths import TINY_SCORER
from tests.support.posteriors import ENGLISH, chunks, letters_as_sounds, posteriors, with_sounds

TINY = TINY_SCORER
SENTENCE = "the microphone heard what elizabeth said to her mother"

KINDS = [
    "greedy",
    "beam",
    "phonemes",
    pytest.param(
        "ds",
        marks=pytest.mark.skipif(
            find_ds_package() is None,
            reason="neither ds_ctcdecoder nor coqui_stt_ctcdecoder is installed",
        ),
    ),
]


@functools.cache
def _lexicon() -> Path:
    """A lexicon of the tiny scorer's words, each letter a phoneme of its own."""
    words = read_scorer(TINY).words(ENGLISH)
    lexicon = Lexicon(
        {word: [letters_as_sounds(word)] for word in words},
        lambda: LetterToSound({letter: letters_as_sounds(letter) for letter in ENGLISH.labels[1:]}),
    )
    path = Path(tempfile.mkdtemp()) / "tiny.lexicon.gz"
    write_lexicon(lexicon, path)
    return path


def n_columns(kind: str) -> int:
    """How many probabilities a decoder takes at a frame."""
    return 29 + (len(PHONEMES) + 1 if kind == "phonemes" else 0)


@functools.cache
def made(kind: str) -> Decoder:
    """A decoder of a kind; it is used again and again, so `reset` is tried too."""
    beam = DecodingSettings(beam=40) if kind == "ds" else None
    if kind == "phonemes":
        return create_decoder(
            "beam", ENGLISH, TINY, lexicon_path=_lexicon(), n_phonemes=len(PHONEMES) + 1
        )
    return create_decoder(kind, ENGLISH, None if kind == "greedy" else TINY, beam)


def hear(decoder: Decoder, rows: FloatArray, size: int = 16) -> tuple[list[Hypothesis], Hypothesis]:
    """Let a decoder hear an utterance; its hypotheses after each chunk and the last one."""
    decoder.reset()
    heard = []
    if decoder is made("phonemes"):
        rows = with_sounds(rows)
    for chunk in chunks(rows, size):
        decoder.feed(chunk)
        heard.append(decoder.hypothesis())
    return heard, decoder.finish()


def check_promises(heard: list[Hypothesis], final: Hypothesis) -> None:
    """What must hold of any utterance whatever."""
    stable = ""
    for hypothesis in [*heard, final]:
        assert hypothesis.text.startswith(hypothesis.stable)
        assert (
            hypothesis.stable.split() == hypothesis.text.split()[: len(hypothesis.stable.split())]
        )
        assert hypothesis.stable.startswith(stable), "a stable prefix was taken back"
        stable = hypothesis.stable
        assert hypothesis.text == " ".join(word.word for word in hypothesis.words)
        assert hypothesis.text not in hypothesis.alternatives
        assert len(set(hypothesis.alternatives)) == len(hypothesis.alternatives)
        assert all(
            text.startswith(heard_stable(hypothesis, final)) for text in hypothesis.alternatives
        )
        end = 0
        for word in hypothesis.words:
            assert end <= word.start_frame < word.end_frame
            assert 0.0 <= word.confidence <= 1.0
            end = word.end_frame
    assert final.stable == final.text


def heard_stable(hypothesis: Hypothesis, final: Hypothesis) -> str:
    """What alternatives begin with; those of the final were found before it was settled."""
    return "" if hypothesis is final else hypothesis.stable


@pytest.mark.parametrize("kind", KINDS)
def test_clear_speech_comes_out_as_it_was_said(kind: str) -> None:
    heard, final = hear(made(kind), posteriors(SENTENCE))
    check_promises(heard, final)
    assert final.text == SENTENCE


@pytest.mark.parametrize("kind", KINDS)
def test_first_and_last_words_are_there_without_silence_around(kind: str) -> None:
    rows = posteriors(SENTENCE, lead_frames=0, tail_frames=0)
    assert hear(made(kind), rows)[1].text == SENTENCE


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "greedy"])
def test_a_language_model_mends_what_greedy_gets_wrong(kind: str) -> None:
    better = 0
    for seed in range(6):
        rows = posteriors(SENTENCE, seed=seed, confusion=0.2)
        mended, raw = hear(made(kind), rows)[1].text, hear(made("greedy"), rows)[1].text
        assert raw != SENTENCE
        better += mended == SENTENCE
    assert better >= 4


@pytest.mark.parametrize("kind", KINDS)
def test_words_stand_where_they_were_said(kind: str) -> None:
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
def test_an_utterance_after_reset_is_as_the_first(kind: str) -> None:
    rows = posteriors(SENTENCE, confusion=0.2)
    first = hear(made(kind), rows)
    hear(made(kind), posteriors("we went to the market"))
    assert hear(made(kind), rows) == first


@pytest.mark.parametrize("kind", KINDS)
def test_silence_and_nothing_say_nothing(kind: str) -> None:
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
def test_wrong_shapes_and_late_frames_are_refused(kind: str) -> None:
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
def test_numbers_that_are_none_do_no_harm(kind: str) -> None:
    rows = posteriors(SENTENCE)
    rows[20:24] = np.nan
    rows[30, 3] = np.inf
    rows[31, 3] = -np.inf
    rows[32] = 0.0
    check_promises(*hear(made(kind), rows))


# -- promises, whatever is heard ---------------------------------------------------------------

noise = st.tuples(
    st.integers(0, 2**31), st.sampled_from([0.02, 0.1, 0.3, 1.0]), st.integers(1, 400)
)


def random_rows(seed: int, sharpness: float, frames: int) -> FloatArray:
    """Probabilities that mean nothing, from spiky to flat, with stretches of silence."""
    random = np.random.default_rng(seed)
    rows = random.dirichlet(np.full(29, sharpness), frames)
    quiet = random.random(frames) < 0.5
    rows[quiet] = 0.1 * rows[quiet]
    rows[quiet, 28] += 0.9
    return np.ascontiguousarray(rows, np.float32)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None)
@given(noise=noise, size=st.sampled_from([1, 4, 16, 40]))
def test_promises_hold_on_noise(kind: str, noise: tuple[int, float, int], size: int) -> None:
    check_promises(*hear(made(kind), random_rows(*noise), size))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(
    words=st.lists(st.sampled_from(read_scorer(TINY).words(ENGLISH)), min_size=1, max_size=14),
    seed=st.integers(0, 2**31),
    confusion=st.sampled_from([0.0, 0.2, 0.5]),
    level=st.sampled_from([0.0, 0.1, 0.4]),
)
def test_promises_hold_on_speech(
    kind: str, words: list[str], seed: int, confusion: float, level: float
) -> None:
    rows = posteriors(" ".join(words), seed=seed, confusion=confusion, noise=level)
    check_promises(*hear(made(kind), rows))


class Fickle:
    """A search that changes its mind completely with every chunk, as the worst one could."""

    name = "fickle"
    append_only = False
    context_words = 4

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.reset()

    def reset(self) -> None:
        self.rows: list[FloatArray] = []
        self.turn = getattr(self, "turn", 0)

    def feed(self, probabilities: FloatArray) -> None:
        self.rows.extend(probabilities)
        self.turn += 1

    def finish(self) -> None:
        self.turn += 1

    def prime(self, words: Sequence[str]) -> int:
        return prime_with_letters(self, ENGLISH, words)

    def is_word(self, letters: str) -> bool:
        return True

    def candidates(self, n: int) -> list:
        from streamer.decoding.search.contract import Candidate

        text = self.texts[self.turn % len(self.texts)][: len(self.rows)]
        labels = tuple(ENGLISH.encode(text))
        return [Candidate(0.0, text, tuple(range(len(text))), labels)]


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.text("ab ", max_size=60), min_size=1, max_size=4),
    turns=st.integers(1, 60),
    hold=st.integers(1, 12),
)
def test_promises_hold_even_of_a_search_that_cannot_be_held_to_anything(
    texts: list[str], turns: int, hold: int
) -> None:
    steady = [text for text in texts for _ in range(hold)]
    decoder = StreamingDecoder(Fickle(steady), 29, 4, window_frames=60, longest_frames=120)
    check_promises(*hear(decoder, random_rows(1, 1.0, turns * 16)))


def test_the_step_that_ends_an_utterance_keeps_what_was_stable() -> None:
    # Ends in the middle of words that the lexicon lacks: everything may fall out of the beam.
    kept = 0
    for seed in range(30):
        rows = posteriors(SENTENCE, seed=seed, confusion=0.4, noise=0.3)
        heard, final = hear(made("beam"), np.ascontiguousarray(rows[: len(rows) * 2 // 3]))
        check_promises(heard, final)
        kept += bool(heard[-1].stable)
    assert kept > 15


# -- cost ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_chunk_costs_the_same_however_long_the_utterance(kind: str) -> None:
    # Counted, not timed: frames that the search hears for each chunk, and the length of its paths.
    template = made(kind)
    assert isinstance(template, StreamingDecoder)
    search = template.search
    decoder = StreamingDecoder(search, n_columns(kind), 4, window_frames=200, longest_frames=500)
    sentence = posteriors(" ".join([SENTENCE] * 4), confusion=0.1)
    if kind == "phonemes":
        sentence = with_sounds(sentence)
    stepped: list[int] = []
    longest = 0
    with pytest.MonkeyPatch.context() as patch:
        step = search.feed
        patch.setattr(search, "feed", lambda rows: (stepped.append(len(rows)), step(rows)))
        for _ in range(4):
            for chunk in chunks(sentence):
                stepped.clear()
                decoder.feed(chunk)
                decoder.hypothesis()
                assert sum(stepped) <= 700
                longest = max(
                    [longest, *(path.frames[-1] for path in search.candidates(4) if path.text)]
                )
    assert longest <= 700 < 4 * len(sentence)
    words = decoder.finish().words
    assert len(words) >= 0.9 * 4 * len(SENTENCE.split()) * 4
    assert words[-1].end_frame <= 4 * len(sentence)


def test_what_never_settles_is_cut_all_the_same() -> None:
    decoder = made("beam")
    check_promises(*hear(decoder, random_rows(5, 1.0, 3000)))
    assert isinstance(decoder, StreamingDecoder)
    assert decoder._n_frames - decoder._origin <= 500


# -- words of the user -----------------------------------------------------------------------


def test_a_new_word_is_heard_only_when_it_was_given() -> None:
    rows = posteriors("we went to the market with zorblax", seed=2, confusion=0.1)
    without = hear(made("beam"), rows)[1].text
    decoder = create_decoder("beam", ENGLISH, TINY, None, [UserWord("zorblax")])
    heard, final = hear(decoder, rows)
    check_promises(heard, final)
    assert "zorblax" not in without
    assert final.text == "we went to the market with zorblax"


def test_a_hot_word_is_made_likelier() -> None:
    # Half way between two words of the scorer: the language model decides.
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


def test_words_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(DecoderError, match="naïve"):
        create_decoder("beam", ENGLISH, TINY, None, [UserWord("naïve")])
    with pytest.raises(DecoderError, match="language model"):
        create_decoder("greedy", ENGLISH, None, None, [UserWord("word")])


def test_a_file_of_words(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text(
        "# names\nZorblax\n\nelizabeth = 2.5  # the queen\nnoise=-3\n", encoding="utf-8"
    )
    assert read_user_words(path) == [
        UserWord("zorblax"),
        UserWord("elizabeth", 2.5),
        UserWord("noise", -3.0),
    ]


@pytest.mark.parametrize("text", ["", "=3", "a b", "a=b", "a=nan", "a=1e9", "a=1=2"])
def test_words_that_are_none_are_errors_of_use(text: str) -> None:
    with pytest.raises(UsageError):
        parse_user_word(text)


def test_a_bad_file_of_words_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("good\nbad=x\n")
    with pytest.raises(UsageError, match="line 2"):
        read_user_words(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError):
        read_user_words(path)
    with pytest.raises(UsageError):
        read_user_words(tmp_path / "none.txt")


# -- making one ------------------------------------------------------------------------------


def test_auto_takes_the_beam_with_a_scorer_and_greedy_without() -> None:
    assert create_decoder("auto", ENGLISH, TINY).name == "beam"
    assert create_decoder("auto", ENGLISH).name == "greedy"


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="greedy"):
        create_decoder("magic", ENGLISH)
    with pytest.raises(DecoderError, match="language model"):
        create_decoder("beam", ENGLISH)
    broken = tmp_path / "broken.scorer"
    broken.write_bytes(TINY.read_bytes()[:50_000])
    with pytest.raises(ScorerError):
        create_decoder("beam", ENGLISH, broken)
    with pytest.raises(ScorerError, match="alphabet"):
        create_decoder("beam", Alphabet([" ", "a", "b"]), TINY)


@pytest.mark.skipif(
    find_ds_package() is not None, reason="a package of DeepSpeech's decoder is installed"
)
def test_without_a_package_the_error_says_what_to_install() -> None:
    with pytest.raises(DecoderError, match="pip install"):
        create_decoder("ds", ENGLISH, TINY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"beam": 0},
        {"beam": "64"},
        {"n_best": -1},
        {"lm_alpha": float("nan")},
        {"lm_beta": "x"},
        {"beam_threshold": 0.0},
        {"cutoff_top_n": 1.5},
        {"max_words": 0},
    ],
)
def test_settings_that_mean_nothing_are_errors_of_the_model(wrong: dict[str, object]) -> None:
    with pytest.raises(ModelError):
        DecodingSettings.from_mapping(wrong)


def test_settings_of_a_bundle_are_tuned_for_the_default_decoder() -> None:
    mapping = {"beam": 32, "lm_alpha": 0.5, "of_a_later_version": 1}
    assert DecodingSettings.from_mapping(mapping).beam == 32
    other = DecodingSettings.from_mapping(mapping, "ds")
    assert other.beam is None and other.lm_alpha == 0.5


def test_the_lexicon_can_be_cut_to_the_likeliest_words() -> None:
    few = create_decoder(
        "beam", ENGLISH, TINY, DecodingSettings(max_words=200), [UserWord("mother")]
    )
    assert isinstance(few, StreamingDecoder) and isinstance(few.search, BeamSearch)
    words = read_scorer(TINY).words(ENGLISH)
    kept = [word for word in words if few.search.is_word(word)]
    assert len(kept) in (200, 201)
    assert {"the", "a", "mother"} <= set(kept) and "microphone" not in kept


@needs_shared
def test_the_original_scorer_works_as_it_is() -> None:
    decoder = create_decoder("beam", ENGLISH, SHARED / "reference" / "pruned_lm.scorer")
    text = "the european moralist resolved to leave the party"
    assert hear(decoder, posteriors(text, confusion=0.1))[1].text == text
