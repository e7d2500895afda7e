"""Intervals for shares: closed form, the ends, and coverage for principal components of planted populations."""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binomtest, t
from threadpoolctl import threadpool_limits

from varbench.measures.pca import centered_gram, pca_shares, pca_shares_left_out
from varbench.stats.jackknife import off_diagonal_row_sums, pair_mean, pair_mean_left_out
from varbench.stats.shares import none_bound, pair_share_estimate, share_estimate


def test_it_is_the_jackknife_of_the_log_odds():
    left_out = np.array([0.2, 0.3, 0.25, 0.4])
    scores = logit(left_out)
    half = t.ppf(0.975, 3) * np.sqrt(0.75 * ((scores - scores.mean()) ** 2).sum())
    found = share_estimate(0.28, left_out, level=0.95)
    assert (found.value, found.n_runs, found.resampled) == (0.28, 4, "runs")
    assert (found.low, found.high) == pytest.approx(tuple(expit(logit(0.28) + np.array([-half, half]))))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_ends_of_the_range(value):
    found = share_estimate(value, np.full(5, value), level=0.95)
    assert (found.low, found.high) == pytest.approx((value, value), abs=1e-11)
    assert found.low <= value <= found.high


def test_without_an_interval_there_is_a_reason():
    assert "at least 3 runs" in share_estimate(1.0, np.full(2, np.nan), level=0.95).reason
    assert "without one of the runs" in share_estimate(0.5, np.array([0.5, np.nan, 0.4]), level=0.95).reason


@pytest.mark.parametrize(("n_runs", "repetitions"), [(16, 250), (64, 60)])
def test_coverage_of_the_first_component(n_runs, repetitions):
    """One strong direction among 60 parameters; the truth is the mean over many populations."""
    rng = np.random.default_rng(2)

    def gram():
        weights = rng.normal(size=(n_runs, 60))
        weights[:, 0] *= 6
        return centered_gram(weights)

    with threadpool_limits(1):
        truth = np.mean([pca_shares(gram(), components=1)[0] for _ in range(2000)])
        covered = []
        for _ in range(repetitions):
            one = gram()
            left_out = pca_shares_left_out(one, components=1)[:, 0]
            found = share_estimate(float(pca_shares(one, components=1)[0]), left_out, level=0.95)
            covered.append(found.low <= truth <= found.high)
    margin = 3 * np.sqrt(0.95 * 0.05 / repetitions)
    assert 0.93 - margin <= np.mean(covered) <= min(1.0, 0.97 + margin)


@pytest.mark.parametrize("units", [1, 6, 40])
def test_none_of_some_is_bounded_by_the_exact_interval(units):
    expected = binomtest(0, units).proportion_ci(0.95, method="exact").high
    assert none_bound(units, level=0.95) == pytest.approx(expected)


@pytest.mark.parametrize("outcomes", [(0.9, 0.1), (0.8, 0.1, 0.1), (0.72, *[0.01] * 28)])
@pytest.mark.parametrize("n_runs", [5, 12])
def test_runs_are_all_alike_no_more_often_than_the_bound_says(outcomes, n_runs):
    """The share of pairs that differ is above the bound only where runs are all alike in less than 2.5 %."""
    differ, alike = 1 - np.sum(np.square(outcomes)), np.sum(np.power(outcomes, n_runs))
    for tail in (0.2, 0.025, 1e-3):
        assert alike <= tail or differ <= none_bound(n_runs / 2, level=1 - 2 * tail)


def pairs_that_differ(outcomes):
    sums = off_diagonal_row_sums((outcomes[:, None] != outcomes[None]).astype(float))
    return pair_share_estimate(pair_mean(sums), pair_mean_left_out(sums), level=0.95)


def test_pairs_that_all_agree_or_all_differ_are_no_certainty():
    none, every = pairs_that_differ(np.zeros(12)), pairs_that_differ(np.arange(12))
    assert (none.value, none.low, none.high) == (0.0, 0.0, none_bound(6, level=0.95))
    assert (every.value, every.low, every.high) == (1.0, 1 - none_bound(6, level=0.95), 1.0)
    assert "at least 3 runs" in pairs_that_differ(np.zeros(2)).reason


@pytest.mark.parametrize("share", [0.05, 0.4, 0.9])
def test_coverage_of_the_share_of_pairs_that_differ(share):
    """Runs of one of two kinds, or of many."""
    rng, runs, repetitions = np.random.default_rng(4), 16, 800
    own = 1 - np.sqrt(1 - share)  # with as good as no two alike among those of their own
    covered = []
    for _ in range(repetitions):
        found = pairs_that_differ(np.where(rng.random(runs) < own, rng.integers(1, 1_000_000, runs), 0))
        covered.append(found.low <= share <= found.high)
    assert np.mean(covered) > 0.92
