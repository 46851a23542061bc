"""Settings of decoders: validation, and the settings of bundles."""

from __future__ import annotations

import pytest

from streamer.decoding import (
    DecodingSettings,
)
from streamer.errors import ModelError


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
        {"recurrent_share": 1.5},
        {"recurrent_share": -0.1},
        {"silence_score": True},
    ],
)
def test_invalid_settings_are_model_errors(wrong: dict[str, object]) -> None:
    with pytest.raises(ModelError):
        DecodingSettings.from_mapping(wrong)


def test_beam_settings_of_a_bundle_are_for_the_default_decoder_only() -> None:
    mapping = {"beam": 32, "lm_alpha": 0.5, "of_a_later_version": 1}
    assert DecodingSettings.from_mapping(mapping).beam == 32
    other = DecodingSettings.from_mapping(mapping, "ds")
    assert other.beam is None and other.lm_alpha == 0.5
