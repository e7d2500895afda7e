"""How often intervals from few runs hold the truth where the effects of runs are skewed, as is said of them."""

import re

import numpy as np
import pytest

from tests.stats.covering import holds
from varbench.report.few_runs import FEW, SENTENCE
from varbench.stats.jackknife import off_diagonal_row_sums, pair_mean_estimate
from varbench.stats.mean import mean_estimate

REPEATS = 2000
EFFECTS = {
    1: (lambda rng, size: rng.gamma(4.0, size=size), 4.0, 2.0),
    2: (lambda rng, size: rng.exponential(size=size), 1.0, 1.0),
    6: (lambda rng, size: rng.lognormal(size=size), np.exp(0.5), np.sqrt(np.exp(2) - np.exp(1))),
}
"""Skewness → effects of runs, their mean and their SD."""


def of_mean(skewness, n_runs):
    draw, mean, _ = EFFECTS[skewness]
    rng = np.random.default_rng(skewness)
    return np.mean(
        [holds(mean_estimate(values, level=0.95, n_examples=None), mean) for values in draw(rng, (REPEATS, n_runs))]
    )


def of_pairs(skewness, n_runs):
    draw, mean, sd = EFFECTS[skewness]
    rng = np.random.default_rng(skewness)
    covered = []
    for q in draw(rng, (REPEATS, n_runs)):
        noise = np.triu(sd * rng.normal(size=(n_runs, n_runs)), 1)
        sums = off_diagonal_row_sums(q[:, None] + q + noise + noise.T)
        covered.append(holds(pair_mean_estimate(sums, level=0.95, n_examples=None), 2 * mean))
    return np.mean(covered)


def margin(coverage):
    return 3 * np.sqrt(coverage * (1 - coverage) / REPEATS)


@pytest.mark.parametrize(
    ("skewness", "n_runs", "mean", "pairs"),
    [(1, 6, 0.932, 0.952), (2, 6, 0.886, 0.939), (2, 16, 0.914, 0.925), (6, 6, 0.825, 0.938), (6, 16, 0.857, 0.885)],
)
def test_coverage_is_what_the_docstrings_say(skewness, n_runs, mean, pairs):
    assert of_mean(skewness, n_runs) == pytest.approx(mean, abs=margin(mean))
    assert of_pairs(skewness, n_runs) == pytest.approx(pairs, abs=margin(pairs))


def test_the_sentence_of_reports_says_what_is_measured():
    (n_runs,) = re.findall(r"with (\d+) runs, a 95 % interval of a mean", SENTENCE)
    assert int(n_runs) < FEW
    told = re.findall(r"(\d+) % (?:of simulations where the effects of runs had|with) skewness (\d)", SENTENCE)
    assert [int(skewness) for _, skewness in told] == list(EFFECTS)
    for percent, skewness in told:
        assert of_mean(int(skewness), int(n_runs)) == pytest.approx(int(percent) / 100, abs=0.005 + margin(0.9))
