"""Which decoder is created, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.decoding import (
    Alphabet,
    create_decoder,
)
from streamer.decoding.search.ds import find_ds_package
from streamer.errors import DecoderError, ScorerError, UsageError
from tests.support.paths import TINY_SCORER as TINY
from tests.support.posteriors import ENGLISH


def test_auto_is_beam_with_a_scorer_and_greedy_without() -> None:
    assert create_decoder("auto", ENGLISH, TINY).name == "beam"
    assert create_decoder("auto", ENGLISH).name == "greedy"


def test_invalid_combinations_are_rejected(tmp_path: Path) -> None:
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
