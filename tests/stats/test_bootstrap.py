"""The bootstrap over runs: no self-pairs, the formula of BCa against SciPy, and its fallbacks."""

from functools import partial

import numpy as np
import pytest
from scipy import stats

from varbench.stats import bootstrap
from varbench.stats.jackknife import mean_left_out, off_diagonal_row_sums, pair_mean, pair_mean_left_out


def test_resamples_have_r_runs_each_drawn_with_the_same_chance():
    counts = bootstrap.resample_counts(5, n_resamples=4000, key=1)
    assert set(counts.sum(axis=1)) == {5}
    np.testing.assert_allclose(counts.mean(axis=0), 1.0, atol=5 * np.sqrt(0.8 / 4000))


def test_statistics_of_counts_equal_those_of_the_drawn_runs():
    rng = np.random.default_rng(0)
    values = rng.normal(size=6) + 100.0
    half = np.triu(rng.random((6, 6)), 1)
    matrix = half + half.T
    counts = bootstrap.resample_counts(6, n_resamples=50, key=2)
    means, sds, pairs = (
        bootstrap.mean_resampled(values, counts),
        bootstrap.sd_resampled(values, counts),
        bootstrap.pair_mean_resampled(matrix, counts),
    )
    for b, row in enumerate(counts):
        drawn = np.repeat(np.arange(6), row)
        assert means[b] == pytest.approx(values[drawn].mean(), rel=1e-13)
        assert sds[b] == pytest.approx(values[drawn].std(ddof=1), rel=1e-9, abs=1e-9)
        kept = [matrix[r, s] for i, r in enumerate(drawn) for j, s in enumerate(drawn) if i != j and r != s]
        assert pairs[b] == pytest.approx(np.mean(kept), rel=1e-12)


def test_a_run_is_never_paired_with_itself():
    # With self-pairs the constant kernel 1 would come out below 1 in every resample with a repeated run.
    matrix = 1.0 - np.eye(8)
    counts = bootstrap.resample_counts(8, n_resamples=200, key=3)
    assert bootstrap.pair_mean_resampled(matrix, counts).tolist() == pytest.approx([1.0] * 200, rel=1e-14)
    assert np.isnan(bootstrap.pair_mean_resampled(matrix, np.array([[8, 0, 0, 0, 0, 0, 0, 0]])))[0]


@pytest.mark.parametrize(
    ("statistic", "resample"), [(np.mean, bootstrap.mean_resampled), (partial(np.std, ddof=1), bootstrap.sd_resampled)]
)
def test_bca_agrees_with_scipy(statistic, resample):
    """A skewed mean has an acceleration, an SD a bias as well."""
    values = np.random.default_rng(4).gamma(1.5, size=14)
    counts = bootstrap.resample_counts(14, n_resamples=20_000, key=4)
    left_out = np.array([statistic(np.delete(values, run)) for run in range(14)])
    ours = bootstrap.bootstrap_estimate(
        statistic(values), resample(values, counts), left_out, level=0.9, n_examples=None
    )
    theirs = stats.bootstrap(
        (values,), statistic, n_resamples=20_000, confidence_level=0.9, method="BCa", rng=np.random.default_rng(5)
    )
    assert ours.method == bootstrap.BCA
    # A 5 % quantile of 20,000 normal resamples is known to √(.05 · .95/20000)/.103 = 1.5 % of their SD, and so is the
    # correction for bias; two independent sets, three of their errors.
    error = 3 * np.sqrt(2) * 0.02 * theirs.standard_error
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=error)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=error)


def test_the_same_key_gives_the_same_interval_and_another_key_another():
    matrix = np.random.default_rng(6).random((9, 9))
    matrix = matrix + matrix.T
    row_sums = off_diagonal_row_sums(matrix)

    def interval(key):
        counts = bootstrap.resample_counts(9, n_resamples=500, key=key)
        resampled = bootstrap.pair_mean_resampled(matrix, counts)
        return bootstrap.bootstrap_estimate(
            pair_mean(row_sums), resampled, pair_mean_left_out(row_sums), level=0.95, n_examples=None
        )

    assert interval(0) == interval(0)
    assert interval(0) != interval(1)


def test_where_bca_is_degenerate_the_percentile_interval_is_given_and_says_so():
    values = np.ones(6)
    counts = bootstrap.resample_counts(6, n_resamples=100, key=0)
    constant = bootstrap.bootstrap_estimate(
        1.0, bootstrap.mean_resampled(values, counts), mean_left_out(values), level=0.95, n_examples=None
    )
    assert (constant.low, constant.high, constant.method) == (1.0, 1.0, bootstrap.PERCENTILE)
    one_sided = bootstrap.bootstrap_estimate(
        5.0, np.linspace(0, 1, 101), np.array([1.0, 2.0, 3.0]), level=0.9, n_examples=None
    )
    assert one_sided.method == bootstrap.PERCENTILE
    assert (one_sided.low, one_sided.high) == pytest.approx((0.05, 0.95))


def test_too_few_runs_have_no_interval():
    estimate = bootstrap.bootstrap_estimate(0.5, np.full(10, 0.5), np.array([0.4, 0.6]), level=0.95, n_examples=None)
    assert (estimate.value, estimate.low, estimate.reason) == (0.5, None, "a bootstrap over runs needs at least 3 runs")
