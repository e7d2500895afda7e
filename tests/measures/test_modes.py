"""Samples counted in the modes of a mixture, against counts by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from varbench.measures.modes import kept_modes, mode_counts, mode_kl, spacing

CENTERS = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]])


def test_a_sample_belongs_to_the_nearest_mode_within_the_radius():
    samples = np.array([[0.1, 0.0], [0.0, 0.5], [3.5, 0.0], [2.0, 0.0], [0.0, 3.0], [np.nan, 0.0], [np.inf, 0.0]])
    assert mode_counts(samples, CENTERS, radius=0.5).tolist() == [2, 1, 1]
    assert mode_counts(samples, CENTERS, radius=0.2).tolist() == [1, 0, 1]
    assert mode_counts(np.stack([samples, samples + 100.0]), CENTERS, radius=0.5).tolist() == [[2, 1, 1], [0, 0, 0]]


def test_the_data_themselves_lie_within_three_sds_as_often_as_theory_says():
    """P(‖x‖ ≤ 3σ) = 1 − exp(−9/2) in the plane."""
    random = np.random.default_rng(0)
    samples = CENTERS[random.integers(0, 3, 20_000)] + 0.1 * random.normal(size=(20_000, 2))
    counts = mode_counts(samples, CENTERS, radius=0.3)
    assert counts.sum() / 20_000 == pytest.approx(1 - math.exp(-4.5), abs=0.003)
    assert kept_modes(counts, n_samples=20_000).all()
    assert mode_kl(counts) < 1e-3


def test_the_spacing_is_the_smallest_distance():
    assert spacing(CENTERS) == 3.0


def test_a_mode_is_kept_from_a_tenth_of_an_even_share_on():
    assert kept_modes(np.array([[10, 9, 0, 231]]), n_samples=400).tolist() == [[True, False, False, True]]


def test_unevenness_is_0_where_even_the_logarithm_where_one_mode_has_all_and_unknown_without_samples():
    counts = np.array([[5, 5, 5, 5], [7, 0, 0, 0], [3, 1, 0, 0], [0, 0, 0, 0]])
    by_hand = math.log(4) + 0.75 * math.log(0.75) + 0.25 * math.log(0.25)
    np.testing.assert_allclose(mode_kl(counts), [0.0, math.log(4), by_hand, np.nan], atol=1e-12)
