"""P(A > B) against SciPy's Mann–Whitney and Brunner–Munzel, its ends, and its interval over matched runs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from varbench.stats import improvement

SETTINGS = {"level": 0.95, "n_examples": None}

few_values = st.lists(st.integers(0, 4).map(float), min_size=2, max_size=9).map(np.array)


@settings(max_examples=40)
@given(few_values, few_values)
def test_value_is_mann_whitneys_u_over_all_pairs_ties_half(first, second):
    ours = improvement.improvement_estimate(first, second, **SETTINGS)
    theirs = stats.mannwhitneyu(first, second).statistic / (len(first) * len(second))
    assert ours.value == pytest.approx(theirs, abs=1e-15)
    turned = improvement.improvement_estimate(second, first, **SETTINGS)
    assert (turned.value, turned.low, turned.high) == pytest.approx((1 - ours.value, 1 - ours.high, 1 - ours.low))


@pytest.mark.parametrize("sizes", [(30, 30), (30, 80)])
def test_interval_touches_one_half_where_brunner_munzels_p_is_its_level(sizes):
    """At the level 1 − p of their test without the logit, |θ̂ − ½| = t s; on the logit scale the reach is that over
    θ̂ (1 − θ̂)."""
    rng = np.random.default_rng(1)
    first, second = rng.normal(0.3, 1, sizes[0]), rng.normal(0, 2, sizes[1])
    p = stats.brunnermunzel(second, first).pvalue
    ours = improvement.improvement_estimate(first, second, level=1 - p, n_examples=None)
    assert ours.method == improvement.BRUNNER_MUNZEL
    value = ours.value
    reach = abs(value - 0.5) / (value * (1 - value))
    logits = [np.log(x / (1 - x)) for x in (ours.low, value, ours.high)]
    assert np.diff(logits) == pytest.approx([reach, reach], rel=1e-9)


def test_complete_separation_is_not_certainty():
    """Newcombe's interval at θ̂ = 1, here checked as the root of its equation."""
    found = improvement.improvement_estimate(np.arange(16.0) + 50, np.arange(16.0), **SETTINGS)
    assert (found.value, found.high, found.method) == (1.0, 1.0, improvement.NEWCOMBE)
    theta = found.low
    variance = theta * (1 - theta) * (1 + 15 * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / 256
    assert (1 - theta) ** 2 == pytest.approx(stats.norm.ppf(0.975) ** 2 * variance, rel=1e-6)
    assert 0.8 < theta < 0.95


def test_near_the_ends_the_wider_of_two_intervals_counts():
    first, second = np.arange(16.0) + 12.5, np.arange(16.0)
    found = improvement.improvement_estimate(first, second, **SETTINGS)
    assert found.method == improvement.NEAR_THE_END
    assert found.low < found.value < found.high < 1.0


def test_runs_that_are_all_equal_leave_everything_open():
    found = improvement.improvement_estimate(np.ones(8), np.ones(8), **SETTINGS)
    assert found.value == 0.5
    assert found.low < 0.3
    assert found.high > 0.7


def test_too_few_runs_say_so():
    one, none, two = np.ones(1), np.ones(0), np.arange(2.0)
    assert improvement.improvement_estimate(none, two, **SETTINGS).value is None
    assert improvement.improvement_estimate(one, two, **SETTINGS).low is None
    assert improvement.paired_improvement_estimate(none, none, **SETTINGS).value is None


def test_matched_runs_are_compared_with_their_own_partner():
    first, second = np.array([1.0, 5.0, 9.0, 3.0]), np.array([0.0, 4.0, 8.0, 3.0])
    found = improvement.paired_improvement_estimate(first, second, **SETTINGS)
    assert found.value == 3.5 / 4
    assert improvement.improvement_estimate(first, second, **SETTINGS).value == 9.5 / 16


@pytest.mark.parametrize(("wins", "n_runs"), [(0, 8), (3, 16), (16, 16)])
def test_ends_over_matched_runs_are_those_of_the_mid_p_test(wins, n_runs):
    found = improvement.paired_improvement_estimate(
        (np.arange(n_runs) < wins).astype(float), np.full(n_runs, 0.5), **SETTINGS
    )
    half = 0.5 * stats.binom.pmf(wins, n_runs, [found.low, found.high])
    if wins > 0:
        assert stats.binom.sf(wins - 1, n_runs, found.low) - half[0] == pytest.approx(0.025, rel=1e-6)
    if wins < n_runs:
        assert stats.binom.cdf(wins, n_runs, found.high) - half[1] == pytest.approx(0.025, rel=1e-6)
    assert (found.low == 0.0) == (wins == 0)
    assert (found.high == 1.0) == (wins == n_runs)


@pytest.mark.parametrize(("n_runs", "mean", "lowest"), [(16, 0.963, 0.923), (64, 0.954, 0.923)])
def test_exact_coverage_over_matched_runs_is_what_the_docstring_says(n_runs, mean, lowest):
    every = np.arange(n_runs + 1)
    ends = [
        improvement.paired_improvement_estimate(
            (np.arange(n_runs) < wins).astype(float), np.full(n_runs, 0.5), **SETTINGS
        )
        for wins in every
    ]
    low, high = (np.array([getattr(e, name) for e in ends])[:, None] for name in ("low", "high"))
    theta = np.linspace(0.001, 0.999, 999)
    covered = (stats.binom.pmf(every[:, None], n_runs, theta) * ((low <= theta) & (theta <= high))).sum(axis=0)
    assert (covered.mean(), covered.min()) == pytest.approx((mean, lowest), abs=0.0006)
