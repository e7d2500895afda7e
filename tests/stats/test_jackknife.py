"""Leave-one-out values against recomputing, and the simulation that shows why pairs are not a sample."""

import numpy as np
import pytest
from scipy import stats

from varbench.stats import jackknife


def random_matrix(n_runs, seed=0):
    half = np.triu(np.random.default_rng(seed).random((n_runs, n_runs)), 1)
    return half + half.T


def mean_of_pairs(matrix):
    return matrix[np.triu_indices(len(matrix), 1)].mean()


@pytest.mark.parametrize("n_runs", [3, 4, 17])
def test_pair_means_without_a_run_equal_recomputing(n_runs):
    matrix = random_matrix(n_runs)
    row_sums = jackknife.off_diagonal_row_sums(matrix)
    assert jackknife.pair_mean(row_sums) == pytest.approx(mean_of_pairs(matrix), rel=1e-13)
    expected = [
        mean_of_pairs(np.delete(np.delete(matrix, run, axis=0), run, axis=1)) if n_runs > 2 else np.nan
        for run in range(n_runs)
    ]
    np.testing.assert_allclose(jackknife.pair_mean_left_out(row_sums), expected, rtol=1e-12)


def test_the_diagonal_is_never_read():
    matrix = random_matrix(5)
    spoiled = matrix + np.diag([np.nan] * 5)
    np.testing.assert_array_equal(jackknife.off_diagonal_row_sums(spoiled), jackknife.off_diagonal_row_sums(matrix))


def test_of_a_mean_it_is_the_t_interval():
    values = np.random.default_rng(1).normal(size=11)
    estimate = jackknife.jackknife_estimate(values.mean(), jackknife.mean_left_out(values), level=0.9, n_examples=None)
    expected = stats.t.interval(0.9, 10, values.mean(), stats.sem(values))
    assert (estimate.low, estimate.high) == pytest.approx(expected, rel=1e-12)


def test_of_a_linear_kernel_it_is_twice_the_error_of_a_mean():
    # D_rs = q_r + q_s: the mean over pairs is 2 q̄, whose standard error is known.
    quality = np.random.default_rng(2).normal(size=9)
    row_sums = jackknife.off_diagonal_row_sums(quality[:, None] + quality[None, :])
    variance = jackknife.jackknife_variance(jackknife.pair_mean_left_out(row_sums))
    assert variance == pytest.approx(4 * quality.var(ddof=1) / 9, rel=1e-12)


def test_ratio_leaves_the_run_out_of_both_parts():
    x, y = np.random.default_rng(3).random((2, 6)) + 0.5
    left_out = jackknife.ratio_left_out(jackknife.mean_left_out(x), jackknife.mean_left_out(y))
    expected = [np.delete(x, run).mean() / np.delete(y, run).mean() for run in range(6)]
    np.testing.assert_allclose(left_out, expected, rtol=1e-13)
    assert np.isnan(jackknife.ratio_left_out(x, np.zeros(6))).all()


def test_bias_of_order_one_over_r_is_removed_exactly():
    # The variance with ddof = 0 is biased by −σ²/R; the jackknife turns it into the unbiased one.
    values = np.random.default_rng(4).normal(size=8)
    left_out = np.array([np.delete(values, run).var() for run in range(8)])
    assert jackknife.bias_corrected(values.var(), left_out) == pytest.approx(values.var(ddof=1), rel=1e-12)
    estimate = jackknife.bias_corrected_estimate(
        values.var(), left_out, level=0.5, n_examples=None, bounds=(0.0, np.inf)
    )
    half = stats.t.ppf(0.75, 7) * np.sqrt(jackknife.jackknife_variance(left_out))
    assert estimate.value == pytest.approx(values.var(ddof=1), rel=1e-12)
    assert estimate.high == pytest.approx(values.var(ddof=1) + half, rel=1e-12)
    assert estimate.low == pytest.approx(values.var() - half, rel=1e-12)
    assert estimate.low > 0


def test_too_few_runs_and_undefined_values_have_reasons():
    two = jackknife.pair_mean_estimate(np.array([0.3, 0.3]), level=0.95, n_examples=None)
    assert (two.value, two.low, two.reason) == (0.3, None, jackknife.TOO_FEW)
    one = jackknife.pair_mean_estimate(np.array([0.0]), level=0.95, n_examples=None)
    assert (one.value, one.reason) == (None, "a mean over pairs needs at least 2 runs")
    torn = jackknife.jackknife_estimate(0.5, np.array([0.4, np.nan, 0.6]), level=0.95, n_examples=None)
    assert (torn.value, torn.low, torn.reason) == (0.5, None, "the value is not defined without one of the runs")


def disagreements(rng, n_repetitions, n_runs, n_examples):
    """Label disagreement matrices of runs whose quality differs: each errs with a chance of its own."""
    error = np.clip(0.25 + 0.12 * rng.normal(size=(n_repetitions, n_runs, 1)), 0.02, 0.9)
    wrong = rng.random((n_repetitions, n_runs, n_examples)) < error
    labels = np.where(wrong, rng.integers(1, 6, wrong.shape), 0)
    return (labels[:, :, None] != labels[:, None, :]).mean(axis=-1)


def test_pairs_are_not_a_sample():
    """Runs of different quality, R = 12: an error over pairs is wrong by a factor of about three."""
    matrices = disagreements(np.random.default_rng(5), 1500, 12, 100)
    upper = np.triu_indices(12, 1)
    pairs = matrices[:, upper[0], upper[1]]
    true_error = pairs.mean(axis=1).std()
    over_pairs = np.sqrt((pairs.var(axis=1, ddof=1) / pairs.shape[1]).mean())
    variances = [
        jackknife.jackknife_variance(jackknife.pair_mean_left_out(jackknife.off_diagonal_row_sums(matrix)))
        for matrix in matrices
    ]
    over_runs = np.sqrt(np.mean(variances))
    # The SD of 1,500 means is known to 1/√3000 = 1.8 %; the jackknife is biased upward by some percent.
    assert 0.95 < over_runs / true_error < 1.15
    assert 0.2 < over_pairs / true_error < 0.45
