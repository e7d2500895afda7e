"""A mean over cross pairs: closed form, coverage, and reasons."""

import numpy as np
import pytest
from scipy import stats

from varbench.measures.churn import mean_churn_to
from varbench.measures.predictions import vote_counts
from varbench.stats import two_sample
from varbench.stats.jackknife import mean_left_out
from varbench.stats.two_sample import two_sample_estimate

ABOUT = {"level": 0.95, "n_examples": None}


def test_of_a_difference_of_means_it_is_welchs_interval():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=7), 3.0 * rng.normal(size=12)
    estimate = two_sample_estimate(
        second.mean() - first.mean(),
        second.mean() - mean_left_out(first),
        mean_left_out(second) - first.mean(),
        **ABOUT,
    )
    expected = stats.ttest_ind(second, first, equal_var=False).confidence_interval(0.95)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(expected), rel=1e-9)


def test_reasons():
    many, one, torn = np.arange(3.0), np.ones(1), np.array([1.0, np.nan])
    assert two_sample_estimate(1.0, many, one, **ABOUT).reason == two_sample.TOO_FEW
    assert "without one of the runs" in two_sample_estimate(1.0, many, torn, **ABOUT).reason
    assert two_sample_estimate(np.nan, many, torn, **ABOUT, reason="nothing").reason == "nothing"


def population(rng, n_runs, *, shift, quality, n_examples=60):
    error = np.linspace(0.05, 0.6, n_examples) * np.exp(quality * rng.normal(size=(n_runs, 1))) * shift
    wrong = rng.random((n_runs, n_examples)) < np.minimum(error, 0.9)
    return np.where(wrong, rng.integers(1, 4, wrong.shape), 0)


@pytest.mark.parametrize("quality", [0.0, 0.4])
@pytest.mark.parametrize("n_runs", [16, 64])
def test_coverage_of_churn_over_cross_pairs(n_runs, quality):
    labels = np.zeros(60, dtype=int)

    def churn(rng, runs):
        old, new = (population(rng, runs, shift=shift, quality=quality) for shift in (1.0, 0.8))
        counts = [vote_counts(arm, n_classes=4) for arm in (old, new)]
        before = mean_churn_to(old, counts[1], labels, forward=True).changed
        return before, mean_churn_to(new, counts[0], labels, forward=False).changed

    rng = np.random.default_rng(1)
    truth = np.mean([churn(rng, 400)[0].mean() for _ in range(25)])
    held = []
    for _ in range(400):
        before, after = churn(rng, n_runs)
        estimate = two_sample_estimate(before.mean(), mean_left_out(before), mean_left_out(after), **ABOUT)
        held.append(estimate.low <= truth <= estimate.high)
    assert 0.93 - 0.033 <= np.mean(held) <= 0.97 + 0.033, np.mean(held)
