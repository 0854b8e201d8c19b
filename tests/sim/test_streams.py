"""Draws are keyed, uniform and independent."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from sim.streams import (
    OUTPUT,
    PROMPT,
    exponential,
    mix64,
    normal,
    replication_key,
    standard_normal,
    uniform,
)

KEY = replication_key(7, 0)


def _draws(
    key: int, purpose: int, attempt: int = 0
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([uniform(key, purpose, index, attempt) for index in range(20_000)])


def test_a_draw_depends_on_its_key_alone() -> None:
    """The same key gives the same draw, in any order."""
    forth = [uniform(KEY, PROMPT, index, 0) for index in range(50)]
    back = [uniform(KEY, PROMPT, index, 0) for index in reversed(range(50))]
    assert forth == back[::-1]
    assert len(set(forth)) == 50


def test_draws_are_uniform() -> None:
    """Kolmogorov's distance of 20,000 draws stays below its 0.1 % point."""
    draws = np.sort(_draws(KEY, PROMPT))
    places = np.arange(1, len(draws) + 1) / len(draws)
    assert np.abs(draws - places).max() < 1.95 / np.sqrt(len(draws))
    assert draws[0] > 0.0
    assert draws[-1] < 1.0


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((KEY, OUTPUT, 0), id="purpose"),
        pytest.param((KEY, PROMPT, 1), id="attempt"),
        pytest.param((replication_key(7, 1), PROMPT, 0), id="replication"),
        pytest.param((replication_key(8, 0), PROMPT, 0), id="seed"),
    ],
)
def test_streams_do_not_correlate(other: tuple[int, int, int]) -> None:
    """Whatever part of the key differs."""
    correlation = np.corrcoef(_draws(KEY, PROMPT), _draws(*other))[0, 1]
    assert abs(correlation) < 4.0 / np.sqrt(20_000)


def test_the_normal_inverse_is_exact_into_the_tails() -> None:
    """Against scipy, from 1e-300 to 1 - 1e-15."""
    for u in (1e-300, 1e-20, 1e-6, 0.01, 0.0749, 0.3, 0.5, 0.7, 0.9, 1 - 1e-9, 1 - 1e-15):
        assert standard_normal(u) == pytest.approx(float(ndtri(u)), rel=1e-13, abs=1e-15)


def test_derived_draws_grow_with_the_uniform() -> None:
    """So that a longer call under one policy is a longer call under another."""
    order = np.argsort([uniform(KEY, PROMPT, index, 0) for index in range(200)])
    for draw in (normal, exponential):
        values = np.array([draw(KEY, PROMPT, index, 0) for index in range(200)])
        assert (np.diff(values[order]) > 0).all()


def test_replication_keys_are_distinct_and_fit_a_signed_word() -> None:
    """Over seeds and replications, the largest seed included."""
    keys = {replication_key(seed, k) for seed in (0, 1, 2**63 - 1) for k in range(1000)}
    assert len(keys) == 3000
    assert all(0 <= key < 2**63 for key in keys)


def test_the_mixer_is_splitmix64() -> None:
    """First output of the published generator for state 0."""
    assert int(mix64(0x9E3779B97F4A7C15)) == 0xE220A8397B1DCDAF
