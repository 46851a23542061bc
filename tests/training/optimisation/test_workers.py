"""The settings of a process while it trains."""

from __future__ import annotations

import sys

import pytest

pytest.importorskip("torch", exc_type=ImportError)

import torch

from streamer.training.optimisation.workers import computing_threads


def _denormals_are_zero() -> bool:
    return sys.float_info.min / 2 == 0.0


def test_threads_and_denormal_numbers_are_as_before_afterwards() -> None:
    before = torch.get_num_threads()
    with computing_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        assert _denormals_are_zero()
    assert torch.get_num_threads() == before
    assert not _denormals_are_zero()


def test_the_outer_settings_come_back_after_inner_ones() -> None:
    with computing_threads(1):
        with computing_threads(2):
            pass
        assert torch.get_num_threads() == 1
        assert _denormals_are_zero()


def test_they_are_put_back_after_an_error_too() -> None:
    with pytest.raises(KeyError), computing_threads(1):
        raise KeyError
    assert not _denormals_are_zero()
