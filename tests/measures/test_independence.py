"""The independent part of the variance of accuracies, and the cross-check of the rest by test halves."""

from itertools import combinations

import numpy as np
import pytest

from varbench.measures.independence import independent_variance, independent_variance_left_out


@pytest.mark.parametrize("shape", [(2, 1), (3, 7), (9, 40)])
def test_it_is_the_sum_of_the_variances_of_the_examples(shape):
    correct = np.random.default_rng(shape[1]).random(shape) < 0.7
    expected = (~correct).astype(float).var(axis=0, ddof=1).sum() / shape[1] ** 2
    assert independent_variance(correct) == pytest.approx(expected, rel=1e-12)


def test_left_out_values_equal_recomputing():
    correct = np.random.default_rng(1).random((8, 30)) < np.linspace(0.2, 0.95, 30)
    expected = [independent_variance(np.delete(correct, run, axis=0)) for run in range(8)]
    np.testing.assert_allclose(independent_variance_left_out(correct), expected, rtol=1e-12)


def test_one_run_and_two_runs():
    assert np.isnan(independent_variance(np.ones((1, 4), dtype=bool)))
    assert np.isnan(independent_variance_left_out(np.ones((2, 4), dtype=bool))).all()


def test_variance_of_the_true_accuracy_agrees_with_the_covariance_of_test_halves():
    # Planted: quality q ~ N(0, .05²) of a run shifts its chance to be right on every example; the accuracies of two
    # halves of a test set share q and nothing else. Both are unbiased for .05² (paired over the repetitions).
    rng = np.random.default_rng(2)
    n_runs, n_examples, repetitions = 12, 60, 1500
    excess, by_halves = np.empty(repetitions), np.empty(repetitions)
    for i in range(repetitions):
        quality = np.clip(rng.normal(0, 0.05, n_runs), -0.2, 0.2)
        correct = rng.random((n_runs, n_examples)) < np.linspace(0.3, 0.7, n_examples) + quality[:, None]
        spread = correct.mean(axis=1).var(ddof=1) - independent_variance(correct)
        excess[i] = n_examples / (n_examples - 1) * spread
        by_halves[i] = np.cov(correct[:, ::2].mean(axis=1), correct[:, 1::2].mean(axis=1))[0, 1]
    difference = excess - by_halves
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(repetitions)
    assert excess.mean() == pytest.approx(0.05**2, abs=4 * excess.std() / np.sqrt(repetitions))


def test_what_is_left_is_the_covariance_of_two_halves_of_the_test_set():
    """The mean over all splits into halves of the run-covariance of the two accuracies, to the last digit."""
    correct = np.random.default_rng(3).random((7, 6)) < 0.6
    covariances = []
    for half in combinations(range(6), 3):
        other = [i for i in range(6) if i not in half]
        covariances.append(np.cov(correct[:, half].mean(axis=1), correct[:, other].mean(axis=1))[0, 1])
    left = correct.mean(axis=1).var(ddof=1) - independent_variance(correct)
    assert np.mean(covariances) == pytest.approx(6 / 5 * left, abs=1e-15)
