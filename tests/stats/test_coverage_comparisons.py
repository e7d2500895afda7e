"""How often intervals of comparisons hold the truth, and how often tests reject what is true; as in `test_coverage`."""

import numpy as np
import pytest
from scipy import stats

from tests.stats.covering import assert_between, holds
from varbench.measures.predictions import disagreement, vote_counts
from varbench.stats.difference import independent_difference, paired_difference
from varbench.stats.improvement import improvement_estimate
from varbench.stats.multibootstrap import multibootstrap_difference, multibootstrap_disagreement, multibootstrap_mean
from varbench.stats.spread_test import equal_spreads, spread_ratio_estimate

LEVEL = 0.95
RUNS = [16, 64]
SETTINGS = {"level": LEVEL, "n_examples": None}
RESAMPLING = {"level": LEVEL, "n_resamples": 200}


def assert_size(rejected, low=0.03, high=0.06):
    margin = 3 * np.sqrt(0.05 * 0.95 / len(rejected))
    assert low - margin <= np.mean(rejected) <= high + margin, f"size {np.mean(rejected):.3f}"


@pytest.mark.parametrize("n_runs", RUNS)
def test_differences_of_means(n_runs):
    rng = np.random.default_rng(0)
    independent, matched = [], []
    for _ in range(1000):
        first, second = rng.normal(size=n_runs), 1.0 + 4 * rng.normal(size=n_runs)
        independent.append(holds(independent_difference(first, second, **SETTINGS).estimate, 1.0))
        matched.append(holds(paired_difference(first, first + second, **SETTINGS).estimate, 1.0))
    assert_between(independent, 0.93, 0.97)
    assert_between(matched, 0.93, 0.97)


@pytest.mark.parametrize(("n_runs", "low", "high"), [(16, 0.96, 0.985), (64, 0.94, 0.99)])
@pytest.mark.parametrize("theta", [0.5, 0.9, 0.99, 0.999])
def test_probability_of_improvement(theta, n_runs, low, high):
    """Unequal spreads, also near the end, where Brunner and Munzel's interval alone holds 86 % (R = 64, .99)."""
    rng = np.random.default_rng(1)
    gap = stats.norm.ppf(theta) * np.hypot(1, 3)
    draws = ((rng.normal(gap, 1, n_runs), rng.normal(0, 3, n_runs)) for _ in range(300))
    assert_between([holds(improvement_estimate(a, b, **SETTINGS), theta) for a, b in draws], low, high)


@pytest.mark.parametrize("n_runs", RUNS)
def test_spreads(n_runs):
    rng = np.random.default_rng(2)
    ratios, rejected = [], []
    for _ in range(1000):
        first, second = rng.gamma(4.0, size=(2, n_runs))
        ratios.append(holds(spread_ratio_estimate(first, 2 * second, **SETTINGS), 2.0))
        rejected.append(equal_spreads([first, second]).p <= 0.05)
    assert_between(ratios, 0.93, 0.97)
    assert_size(rejected)


def correctness(rng, of_run, of_example, ease):
    """Whether each run gets each example right, with planted effects of both."""
    return rng.random((len(of_run), of_example.shape[1])) < stats.norm.cdf(ease + of_run + of_example)


@pytest.mark.parametrize("effects", [(0.0, 0.0), (0.3, 0.9)])
@pytest.mark.parametrize("n_runs", RUNS)
def test_means_and_differences_over_new_runs_and_new_examples(n_runs, effects):
    """Probit effects: the mean over normal effects is a normal probability again."""
    rng = np.random.default_rng(3)
    shrink = np.sqrt(1 + effects[0] ** 2 + effects[1] ** 2)
    truth, gap = stats.norm.cdf(0.8 / shrink), stats.norm.cdf(1.0 / shrink) - stats.norm.cdf(0.8 / shrink)
    means, matched, independent = [], [], []
    for key in range(150):
        (run, other), example = effects[0] * rng.normal(size=(2, n_runs, 1)), effects[1] * rng.normal(size=(1, 60))
        first, same, new = (
            correctness(rng, of_run, example, ease) for of_run, ease in ((run, 0.8), (run, 1.0), (other, 1.0))
        )
        means.append(holds(multibootstrap_mean(first, **RESAMPLING, key=key), truth))
        matched.append(holds(multibootstrap_difference(first, same, paired=True, **RESAMPLING, key=key), gap))
        independent.append(holds(multibootstrap_difference(first, new, paired=False, **RESAMPLING, key=key), gap))
    for covered in (means, matched, independent):
        assert_between(covered, 0.93, 0.98)


@pytest.mark.parametrize("quality", [0.0, 0.4])
@pytest.mark.parametrize("n_runs", RUNS)
def test_disagreement_over_new_runs_and_new_examples(n_runs, quality):
    rng = np.random.default_rng(4)

    def labels(n_runs, n_examples):
        error = rng.uniform(0.05, 0.6, n_examples) * np.exp(quality * rng.normal(size=(n_runs, 1)))
        wrong = rng.random((n_runs, n_examples)) < np.minimum(error, 0.9)
        return np.where(wrong, rng.integers(1, 5, wrong.shape), 0)

    truth = np.mean([disagreement(vote_counts(labels(200, 1000), n_classes=5)) for _ in range(8)])
    estimates = (
        multibootstrap_disagreement(labels(n_runs, 50), n_classes=5, **RESAMPLING, key=key) for key in range(200)
    )
    assert_between([holds(estimate, truth) for estimate in estimates], 0.93, 0.975)
