"""Closed forms of planning against the published numbers, and the tests that they promise to satisfy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from varbench.errors import InputError
from varbench.stats import planning
from varbench.stats.planning import (
    alpha_of_one,
    detectable_difference_normal,
    detectable_probability,
    rounded_up,
    runs_for_difference_normal,
    runs_for_probability,
    smallest_runs,
)

RATES = {"alpha": 0.05, "power": 0.95}


@pytest.mark.parametrize(("probability", "runs"), [(0.7, 46), (0.75, 29), (0.8, 21), (0.9, 12)])
def test_published_runs_for_a_probability(probability, runs):
    assert runs_for_probability(probability, **RATES) == runs


@pytest.mark.parametrize(("runs", "difference"), [(5, 0.264), (10, 0.187), (30, 0.108), (100, 0.059)])
def test_published_minimum_detectable_differences(runs, difference):
    found = detectable_difference_normal(0.149, runs, alpha=0.05, power=0.8, paired=False)
    assert round(found, 3) == difference


@given(st.integers(1, 5000), st.sampled_from([0.8, 0.95]), st.booleans())
def test_the_difference_that_so_many_runs_show_needs_so_many_runs(runs, power, paired):
    found = detectable_difference_normal(0.3, runs, alpha=0.05, power=power, paired=paired)
    assert runs_for_difference_normal(0.3, found, alpha=0.05, power=power, paired=paired) == runs


@given(st.integers(8, 5000))
def test_the_probability_that_so_many_runs_show_needs_so_many_runs(runs):
    assert runs_for_probability(detectable_probability(runs, **RATES), **RATES) == runs


def test_too_few_runs_show_no_probability_at_all():
    assert detectable_probability(7, **RATES) is None
    assert runs_for_probability(1.0, **RATES) == 8


@pytest.mark.parametrize("probability", [0.7, 0.75, 0.8])
def test_mann_whitney_reaches_the_power_at_the_planned_runs(probability):
    """Noether's formula is safe and not lavish: the docstring has the numbers."""
    rng = np.random.default_rng(0)
    runs = runs_for_probability(probability, **RATES)
    shift = np.sqrt(2.0) * stats.norm.ppf(probability)
    better, worse = rng.normal(shift, 1.0, (4000, runs)), rng.normal(0.0, 1.0, (4000, runs))
    p_values = stats.mannwhitneyu(better, worse, alternative="greater", axis=1, method="asymptotic").pvalue
    assert 0.95 - 0.01 < np.mean(p_values < 0.05) < 0.985


def test_bonferroni_is_the_first_step_of_holm():
    assert alpha_of_one(0.05, comparisons=5) == pytest.approx(0.01)
    assert alpha_of_one(0.05, comparisons=1) == 0.05


def test_rounding_up_forgives_a_rounding_error_only():
    assert rounded_up(12.0 + 1e-13) == 12
    assert rounded_up(12.0001) == 13
    assert rounded_up(0.1) == 1


@given(st.integers(2, 10**6), st.integers(1, 10**6))
def test_the_search_finds_the_threshold_from_any_guess(threshold, guess):
    assert smallest_runs(lambda runs: runs >= threshold, guess=guess, fewest=2) == threshold


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: runs_for_probability(0.5, **RATES), "above 0.5"),
        (lambda: runs_for_probability(1.1, **RATES), "at most 1"),
        (lambda: runs_for_probability(0.7, alpha=0.0, power=0.9), "alpha"),
        (lambda: runs_for_probability(0.7, alpha=0.6, power=0.9), "alpha"),
        (lambda: runs_for_probability(0.7, alpha=0.05, power=1.0), "power"),
        (lambda: runs_for_probability(0.7, alpha=0.05, power=0.05), "power"),
        (lambda: runs_for_probability(0.50001, **RATES), "more than"),
        (lambda: alpha_of_one(0.05, comparisons=0), "comparisons"),
        (lambda: smallest_runs(lambda runs: False, guess=2, fewest=2), "more than"),
    ],
)
def test_what_cannot_be_planned(call, word):
    with pytest.raises(InputError, match=word):
        call()
    assert planning.MOST_RUNS == 10**9
