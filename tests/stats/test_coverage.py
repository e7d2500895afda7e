"""How often a nominal 95 % interval holds the truth: between 93 and 97 % wherever a docstring does not say otherwise.

Every simulation is seeded. A measured coverage of N repetitions is uncertain by √(.95 · .05/N); three times that is
allowed on top of the band.
"""

from functools import partial

import numpy as np
import pytest

from tests.stats.covering import assert_between, holds
from varbench.measures.ensembles import brier_spread_row_sums, member_subsets, subset_scores
from varbench.measures.independence import independent_variance, independent_variance_left_out
from varbench.measures.predictions import disagreement_row_sums, vote_counts
from varbench.measures.scores import brier_per_run, softmax
from varbench.stats.bootstrap import bootstrap_estimate, mean_resampled, pair_mean_resampled, resample_counts
from varbench.stats.equivalence import equivalent_loss
from varbench.stats.jackknife import (
    jackknife_estimate,
    mean_left_out,
    off_diagonal_row_sums,
    pair_mean,
    pair_mean_estimate,
    pair_mean_left_out,
    ratio_left_out,
)
from varbench.stats.mean import mean_estimate
from varbench.stats.spread import excess_variance_interval, sd_estimate
from varbench.stats.subsets import subset_mean_estimate

LEVEL = 0.95
RUNS = [16, 64]


assert_nominal = partial(assert_between, low=0.93, high=0.97)


def normal(rng, n_runs):
    return rng.normal(0.9, 0.01, n_runs)


def skewed(rng, n_runs):
    """Mostly good runs and a tail of bad ones, as accuracies are: skewness −1."""
    return 0.9 - 0.005 * rng.gamma(4.0, size=n_runs)


TRUTH = {normal: (0.9, 0.01), skewed: (0.9 - 0.02, 0.01)}


@pytest.mark.parametrize("draw", TRUTH)
@pytest.mark.parametrize("n_runs", RUNS)
def test_mean(n_runs, draw):
    rng = np.random.default_rng(0)
    estimates = (mean_estimate(draw(rng, n_runs), level=LEVEL, n_examples=None) for _ in range(3000))
    assert_nominal([holds(estimate, TRUTH[draw][0]) for estimate in estimates])


@pytest.mark.parametrize("draw", TRUTH)
@pytest.mark.parametrize("n_runs", RUNS)
def test_standard_deviation(n_runs, draw):
    rng = np.random.default_rng(1)
    estimates = (sd_estimate(draw(rng, n_runs), level=LEVEL, n_examples=None) for _ in range(2000))
    assert_nominal([holds(estimate, TRUTH[draw][1]) for estimate in estimates])


def labels(rng, n_runs, *, quality, n_examples=50):
    """Labels of runs that err with a chance of their own, more on hard examples; [R, E]."""
    error = np.linspace(0.05, 0.6, n_examples) * np.exp(quality * rng.normal(size=(n_runs, 1)))
    wrong = rng.random((n_runs, n_examples)) < np.minimum(error, 0.9)
    return np.where(wrong, rng.integers(1, 5, wrong.shape), 0)


def row_sums_of(found):
    return disagreement_row_sums(found, vote_counts(found, n_classes=5))


def truth_of(statistic, quality):
    """From 40 populations of 500 runs: uncertain by well under a tenth of the errors measured below."""
    rng = np.random.default_rng(2)
    return np.mean([statistic(labels(rng, 500, quality=quality)) for _ in range(40)])


@pytest.mark.parametrize("quality", [0.0, 0.4])
@pytest.mark.parametrize("n_runs", RUNS)
def test_mean_over_pairs(n_runs, quality):
    truth = truth_of(lambda found: pair_mean(row_sums_of(found)), quality)
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(1200):
        row_sums = row_sums_of(labels(rng, n_runs, quality=quality))
        covered.append(holds(pair_mean_estimate(row_sums, level=LEVEL, n_examples=50), truth))
    assert_nominal(covered)


def test_ratio():
    truth = truth_of(lambda found: pair_mean(row_sums_of(found)), 0.4) / truth_of(lambda found: (found > 0).mean(), 0.4)
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(1200):
        found = labels(rng, 16, quality=0.4)
        row_sums, errors = row_sums_of(found), (found > 0).mean(axis=1)
        left_out = ratio_left_out(pair_mean_left_out(row_sums), mean_left_out(errors))
        estimate = jackknife_estimate(pair_mean(row_sums) / errors.mean(), left_out, level=LEVEL, n_examples=50)
        covered.append(holds(estimate, truth))
    assert_nominal(covered)


@pytest.mark.parametrize("n_runs", RUNS)
def test_degenerate_pairs_are_covered_too_often_and_not_too_rarely(n_runs):
    """Inner products of unrelated random vectors: no run by itself brings anything. The docstring says .99."""
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(1000):
        vectors = rng.normal(size=(n_runs, 30))
        row_sums = off_diagonal_row_sums(vectors @ vectors.T)
        covered.append(holds(pair_mean_estimate(row_sums, level=LEVEL, n_examples=None), 0.0))
    assert_between(covered, low=0.97, high=1.0)


def test_bootstrap_of_a_mean_and_of_a_mean_over_pairs():
    truth = truth_of(lambda found: pair_mean(row_sums_of(found)), 0.4)
    rng = np.random.default_rng(6)
    means, pairs = [], []
    for key in range(600):
        counts = resample_counts(64, n_resamples=500, key=key)
        values = rng.normal(size=64)
        resampled = mean_resampled(values, counts)
        estimate = bootstrap_estimate(values.mean(), resampled, mean_left_out(values), level=LEVEL, n_examples=None)
        means.append(holds(estimate, 0.0))
        found = labels(rng, 64, quality=0.4)
        matrix = (found[:, None] != found[None, :]).mean(axis=-1)
        row_sums = matrix.sum(axis=1)
        estimate = bootstrap_estimate(
            pair_mean(row_sums),
            pair_mean_resampled(matrix, counts),
            pair_mean_left_out(row_sums),
            level=LEVEL,
            n_examples=50,
        )
        pairs.append(holds(estimate, truth))
    assert_nominal(means)
    assert_nominal(pairs)


@pytest.mark.parametrize("spread", [0.0, 0.05])
@pytest.mark.parametrize("n_runs", RUNS)
def test_variance_of_the_true_accuracy(n_runs, spread):
    rng = np.random.default_rng(7)
    n_examples = 100
    covered = []
    for _ in range(1200):
        quality = spread * np.sqrt(3) * rng.uniform(-1, 1, (n_runs, 1))
        correct = rng.random((n_runs, n_examples)) < np.linspace(0.3, 0.7, n_examples) + quality
        low, high = excess_variance_interval(
            correct.mean(axis=1), independent_variance(correct), independent_variance_left_out(correct), level=LEVEL
        )
        # The interval is for Var − E⁻² Σ Var, which is (E − 1)/E times the variance of the true accuracy.
        covered.append(low <= (n_examples - 1) / n_examples * spread**2 <= high)
    assert_between(covered, low=0.93, high=0.98)


def ensemble_population(rng, n_runs, n_examples=30, n_classes=3):
    """Runs that share what is learned and differ in quality and in noise; logits and labels."""
    learned = np.random.default_rng(8).normal(size=(n_examples, n_classes))
    quality = 1.0 + 0.4 * rng.normal(size=(n_runs, 1, 1))
    logits = quality * learned + rng.normal(size=(n_runs, n_examples, n_classes))
    right = np.random.default_rng(9).permuted(np.arange(n_examples) % n_classes)
    return logits, np.where(np.arange(n_examples) % 4 > 0, learned.argmax(axis=1), right)


@pytest.mark.parametrize("size", [2, 8])
def test_scores_of_ensembles(size):
    """Subset averages are unbiased for a fresh ensemble of M, whose scores give the truth."""
    rng = np.random.default_rng(10)
    fresh, right = ensemble_population(rng, 4000 * size)
    averaged = softmax(fresh).reshape(4000, size, *fresh.shape[1:]).mean(axis=1)
    accuracy = (averaged.argmax(axis=-1) == right).mean()
    brier = ((averaged - np.eye(averaged.shape[-1])[right]) ** 2).sum(axis=-1).mean()
    accuracies, briers = [], []
    for _ in range(500):
        logits, right = ensemble_population(rng, 16)
        drawn = member_subsets(16, size, limit=150, generator=rng)
        single = brier_per_run(logits, right)
        estimate = subset_mean_estimate(
            subset_scores(logits, right, [drawn.members], bins=15)[0].accuracy,
            drawn.members,
            base=0.0,
            base_left_out=np.zeros(16),
            exhaustive=drawn.exhaustive,
            level=LEVEL,
            n_examples=30,
        )
        accuracies.append(holds(estimate, accuracy))
        row_sums, shrink = brier_spread_row_sums(logits), 1 - 1 / size
        estimate = jackknife_estimate(
            single.mean() - shrink * pair_mean(row_sums),
            mean_left_out(single) - shrink * pair_mean_left_out(row_sums),
            level=LEVEL,
            n_examples=30,
        )
        briers.append(holds(estimate, brier))
    assert_nominal(accuracies)
    assert_nominal(briers)


@pytest.mark.parametrize("n_runs", RUNS)
def test_runs_on_the_margin_are_called_equivalent_with_probability_alpha(n_runs):
    rng = np.random.default_rng(11)
    passed = [equivalent_loss(rng.normal(size=n_runs), margin=np.sqrt(2.0), alpha=0.05).equivalent for _ in range(2000)]
    assert np.mean(passed) == pytest.approx(0.05, abs=0.01 + 3 * np.sqrt(0.05 * 0.95 / 2000))
