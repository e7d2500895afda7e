"""Comparisons of conditions with matched levels, against what they are made of."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from varbench.measures.predictions import disagreement as pairwise
from varbench.measures.predictions import vote_counts
from varbench.studies import sweeps


def test_a_ratio_is_the_t_interval_of_the_logarithms() -> None:
    random = np.random.default_rng(0)
    first, second = np.exp(random.normal(size=(2, 9)))
    logs = np.log(second / first)
    low, high = np.exp(stats.t.interval(0.95, 8, logs.mean(), stats.sem(logs)))
    found = sweeps.ratio(first, second)
    assert (found.value, found.low, found.high) == pytest.approx((np.exp(logs.mean()), low, high))
    found = sweeps.ratio(np.append(first, [np.nan, 0.0, 1.0]), np.append(second, [1.0, 1.0, -1.0]))
    assert (found.value, found.n_runs) == (pytest.approx(np.exp(logs.mean())), 9)


def test_a_change_pairs_runs_and_leaves_out_what_is_not_finite() -> None:
    found = sweeps.change(np.array([1.0, 2.0, np.nan, 4.0]), np.array([2.0, 4.0, 1.0, 7.0]))
    assert (found.value, found.n_runs) == (2.0, 3)


def test_a_ratio_of_disagreements_covers_one_for_two_draws_of_the_same() -> None:
    random = np.random.default_rng(1)
    inside = 0
    for _ in range(300):
        labels = np.where(random.random((2, 16, 60)) < 0.2, random.integers(0, 4, (2, 16, 60)), 0)
        found = sweeps.disagreement_ratio(*labels, classes=4)
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= 1.0 <= found.high
    assert 0.93 <= inside / 300 <= 0.99


def test_a_ratio_of_disagreements_is_that_of_the_means_over_pairs() -> None:
    random = np.random.default_rng(2)
    first, second = random.integers(0, 3, (2, 6, 40))
    second[:, :20] = 0
    found = sweeps.disagreement_ratio(first, second, classes=3)
    parts = [pairwise(vote_counts(labels, n_classes=3)) for labels in (first, second)]
    assert found.value == pytest.approx(parts[1] / parts[0])
    same = sweeps.disagreement_ratio(first, np.zeros_like(first), classes=3)
    assert same.value is None
    assert "disagree" in same.reason


def test_shares_are_of_the_mean_over_pairs_and_may_be_zero() -> None:
    random = np.random.default_rng(3)
    whole = random.integers(0, 3, size=(6, 40))
    part = np.where(random.random((6, 40)) < 0.1, random.integers(0, 3, (6, 40)), 0)

    def apart(labels: np.ndarray) -> float:
        return float(pairwise(vote_counts(labels, n_classes=3)))

    found = sweeps.disagreement_share(part, whole, classes=3)
    assert found.value == pytest.approx(apart(part) / apart(whole))
    left = [apart(np.delete(part, r, 0)) / apart(np.delete(whole, r, 0)) for r in range(6)]
    half = stats.t.ppf(0.975, 5) * np.sqrt(5 * np.var(left))
    assert found.high - found.value == pytest.approx(half)
    values = (part != whole).mean(axis=1)
    found = sweeps.share_of_pairs(values, sweeps.disagreement_sums(whole, classes=3), n_examples=40)
    assert found.value == pytest.approx(values.mean() / apart(whole))
    left = [np.delete(values, r).mean() / apart(np.delete(whole, r, 0)) for r in range(6)]
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 5) * np.sqrt(5 * np.var(left)))
    none = sweeps.disagreement_share(0 * whole, whole, classes=3)
    assert (none.value, none.low) == (0.0, 0.0)
    assert (1 - none.high) ** 3 == pytest.approx(0.025)  # none of three pairs that share no run
    none = sweeps.share_of_pairs(np.zeros(6), sweeps.disagreement_sums(whole, classes=3), n_examples=40)
    assert (1 - none.high) ** 6 == pytest.approx(0.025)
    assert sweeps.disagreement_share(whole, 0 * whole, classes=3).value is None


def test_a_share_of_runs_has_a_binomial_interval_even_where_it_is_0_or_1() -> None:
    none, some = sweeps.share(np.zeros(12, bool)), sweeps.share(np.arange(12) < 3)
    assert none.high is not None
    assert 0.5 * (1 - none.high) ** 12 == pytest.approx(0.025)  # mid-p: half the chance of none at all
    assert (none.value, none.low, some.value) == (0.0, 0.0, 0.25)
    law = stats.binom(12, some.high)
    assert law.cdf(2) + 0.5 * law.pmf(3) == pytest.approx(0.025)
    assert sweeps.share(np.zeros(0, bool)).value is None
