"""Tests of equal spreads against SciPy's, and the ratio of two spreads."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from varbench.stats.spread import variance_interval
from varbench.stats.spread_test import FEW_RUNS, equal_spreads, spread_ratio_estimate

SETTINGS = {"level": 0.95, "n_examples": None}


@given(st.lists(st.integers(3, 12), min_size=2, max_size=4), st.integers(0, 99))
def test_equal_spreads_agrees_with_scipy(sizes, seed):
    rng = np.random.default_rng(seed)
    conditions = [rng.normal(100.0, 1 + i, size) for i, size in enumerate(sizes)]
    ours, theirs = equal_spreads(conditions), stats.levene(*conditions, center="median")
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-8)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-8)
    assert ours.n_runs == sum(sizes)


def test_ratio_against_a_condition_known_for_sure_is_the_interval_of_the_other():
    """With very many runs in the first condition only the second's interval is left (equal c drops out of neither)."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=2_000_000), 3 * rng.normal(size=30)
    found = spread_ratio_estimate(first, second, **SETTINGS)
    low, high = variance_interval(second, level=0.95)
    assert found.value == pytest.approx(second.std(ddof=1) / first.std(ddof=1), rel=1e-12)
    assert (found.low, found.high) == pytest.approx((math.sqrt(low), math.sqrt(high)), rel=2e-3)


def test_turning_the_conditions_around_turns_the_interval_around():
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=9), rng.gamma(2.0, size=20)
    found, turned = spread_ratio_estimate(first, second, **SETTINGS), spread_ratio_estimate(second, first, **SETTINGS)
    assert (turned.low, turned.value, turned.high) == pytest.approx((1 / found.high, 1 / found.value, 1 / found.low))


def test_conditions_without_spread_or_with_few_runs_say_so():
    flat, wide = np.full(8, 0.5), np.arange(8.0)
    assert equal_spreads([flat, flat]).reason == "the values lie equally far from their medians"
    assert equal_spreads([flat, wide]).p == pytest.approx(stats.levene(flat, wide, center="median").pvalue)
    assert equal_spreads([wide]).p is None
    assert equal_spreads([wide, wide[:1]]).p is None
    assert spread_ratio_estimate(flat, wide, **SETTINGS).value is None
    zero = spread_ratio_estimate(wide, flat, **SETTINGS)
    assert (zero.value, zero.low, zero.reason) == (0.0, None, "a condition without any spread has no ratio to another")
    short = spread_ratio_estimate(wide[:4], wide, **SETTINGS)
    assert (short.low, short.reason) == (None, FEW_RUNS)
    assert short.value == pytest.approx(wide.std(ddof=1) / wide[:4].std(ddof=1))
    assert spread_ratio_estimate(wide[:1], wide, **SETTINGS).value is None
