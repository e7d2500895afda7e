"""Kendall's rank correlation against scipy, recomputing and the coverage that its docstring states."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import optimize, stats

from varbench.stats.concordance import kendall, kendall_estimate, unanimous_tau


def test_without_ties_it_is_that_of_scipy() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 5, 9))
    expected = [stats.kendalltau(a, b).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(kendall(first, second), expected, rtol=1e-12)


def test_pairs_with_ties_count_as_neither() -> None:
    assert kendall(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / 3)
    assert kendall(np.ones(4), np.arange(4.0)) == 0.0


def test_the_interval_is_the_jackknife_over_units() -> None:
    first, second = np.random.default_rng(1).normal(size=(2, 8))
    left = np.array([kendall(np.delete(first, i), np.delete(second, i)) for i in range(8)])
    half = stats.t.ppf(0.975, 7) * np.sqrt(7 / 8 * ((left - left.mean()) ** 2).sum())
    found = kendall_estimate(first, second, level=0.95, units="recipes")
    assert found.value == pytest.approx(float(kendall(first, second)))
    assert (found.low, found.high) == pytest.approx((max(-1.0, found.value - half), min(1.0, found.value + half)))
    assert (found.method, found.resampled, found.n_runs) == ("jackknife over recipes", "recipes", 8)


@pytest.mark.parametrize(("units", "value"), [(0, None), (1, None), (2, 1.0)])
def test_too_few_units_have_no_interval_and_a_reason(units: int, value: float | None) -> None:
    found = kendall_estimate(np.arange(float(units)), np.arange(float(units)), level=0.95, units="recipes")
    assert (found.value, found.low, found.high) == (value, None, None)
    assert "at least 3 recipes" in found.reason


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_intervals_hold_the_truth_as_often_as_they_say(correlation: float) -> None:
    random, inside, repetitions = np.random.default_rng(2), 0, 600
    truth = 2 / np.pi * np.arcsin(correlation)
    for _ in range(repetitions):
        first, other = random.normal(size=(2, 12))
        second = correlation * first + np.sqrt(1 - correlation**2) * other
        found = kendall_estimate(first, second, level=0.95, units="recipes")
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= truth <= found.high
    assert 0.92 <= inside / repetitions <= 0.98


@pytest.mark.parametrize(("units", "level"), [(3, 0.95), (4, 0.9), (5, 0.95), (6, 0.5)])
def test_units_that_are_all_ordered_alike_by_going_through_all_orders(units: int, level: float) -> None:
    """Weights q^(discordant pairs), with q found so that the mean of τ is the end of the interval."""
    end = unanimous_tau(units, level=level)
    orders = np.array(list(itertools.permutations(range(units))), float)
    taus = kendall(np.broadcast_to(np.arange(units, dtype=float), orders.shape), orders)
    discordant = (1 - taus) / 2 * math.comb(units, 2)

    def mean(log_q: float) -> float:
        return float(np.average(taus, weights=np.exp(log_q * (discordant - discordant.mean()))))

    weights = np.exp(optimize.brentq(lambda log_q: mean(log_q) - end, -9, 9) * (discordant - discordant.mean()))
    assert weights[discordant == 0].sum() / weights.sum() == pytest.approx((1 - level) / 2, rel=1e-6)


@pytest.mark.parametrize("units", [3, 4, 5, 7])
def test_at_no_correlation_it_is_the_exact_permutation_test(units: int) -> None:
    assert unanimous_tau(units, level=1 - 2 / math.factorial(units)) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("units", [3, 5, 12])
def test_units_that_are_all_ordered_alike_are_no_certainty(units: int) -> None:
    first = np.random.default_rng(3).normal(size=units)
    alike, reverse = (kendall_estimate(first, y, level=0.95, units="recipes") for y in (np.exp(first), -first))
    assert (alike.value, alike.high, reverse.value, reverse.low) == (pytest.approx(1), 1.0, pytest.approx(-1), -1.0)
    assert alike.low == -reverse.high == unanimous_tau(units, level=0.95)
    assert (alike.low > 0) == (1 / math.factorial(units) < 0.025)
    assert "alike" in alike.method
