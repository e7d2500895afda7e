"""Gradient noise against all batches there are."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from varbench.measures.gradient_noise import GradientNoise, batch_noise, noise_scale


def moments(gradients: np.ndarray) -> GradientNoise:
    """Of the gradients [N, P] of single examples, by the covariance matrix."""
    trace = np.trace(np.cov(gradients, rowvar=False))
    return GradientNoise(np.array([trace]), np.array([(gradients.mean(0) ** 2).sum()]))


@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_batch_noise_is_that_of_all_batches_without_replacement(batch_size: int) -> None:
    gradients = np.random.default_rng(0).normal(size=(7, 4)) + 0.5
    whole = gradients.mean(0)
    batches = [gradients[list(rows)].mean(0) for rows in combinations(range(7), batch_size)]
    expected = np.mean([((g - whole) ** 2).sum() for g in batches]) / (whole**2).sum()
    found = batch_noise(moments(gradients), batch_size=batch_size, examples=7)
    assert found[0] == pytest.approx(expected, abs=1e-12)


def test_noise_scale_without_gradient_or_without_noise() -> None:
    noise = GradientNoise(np.array([2.0, 2.0, 0.0, 0.0]), np.array([4.0, 0.0, 1.0, 0.0]))
    np.testing.assert_array_equal(noise_scale(noise), [0.5, np.inf, 0.0, np.nan])
