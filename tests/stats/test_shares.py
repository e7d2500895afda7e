"""Intervals for shares: closed form, the ends, and coverage for principal components of planted populations."""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import t
from threadpoolctl import threadpool_limits

from varbench.measures.pca import centered_gram, pca_shares, pca_shares_left_out
from varbench.stats.shares import share_estimate


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
