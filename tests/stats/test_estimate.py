"""The promise of the one result type: finite or None, and never None without a reason."""

import math

import numpy as np
import pytest

from varbench.stats.estimate import Estimate, estimate_of, missing

COMMON = {"level": 0.95, "method": "t over runs", "n_runs": 4, "n_examples": 10}


def test_numbers_become_plain_floats():
    estimate = estimate_of(np.float64(0.5), np.float64(0.4), np.float64(0.75), **COMMON)
    assert (estimate.value, estimate.low, estimate.high, estimate.reason) == (0.5, 0.4, 0.75, "")
    assert {type(n) for n in (estimate.value, estimate.low, estimate.high)} == {float}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_becomes_none_with_the_reason(bad):
    estimate = estimate_of(bad, 0.0, 1.0, **COMMON, reason="no run makes an error")
    assert (estimate.value, estimate.low, estimate.high) == (None, None, None)
    assert estimate.reason == "no run makes an error"


def test_an_end_that_is_not_finite_takes_the_interval_away_and_not_the_value():
    estimate = estimate_of(0.5, math.nan, 1.0, **COMMON)
    assert (estimate.value, estimate.low, estimate.high) == (0.5, None, None)
    assert estimate.reason


def test_intervals_are_cut_to_the_range_and_values_are_not():
    estimate = estimate_of(0.01, -0.05, 1.2, **COMMON, bounds=(0.0, 1.0))
    assert (estimate.value, estimate.low, estimate.high) == (0.01, 0.0, 1.0)
    assert estimate_of(-0.5, -0.6, -0.4, **COMMON).value == -0.5


def test_missing_says_why():
    estimate = missing("the population was stored without weights", level=0.9, n_runs=3, n_examples=None)
    assert (estimate.value, estimate.low, estimate.high, estimate.level) == (None, None, None, 0.9)
    assert estimate.reason == "the population was stored without weights"


@pytest.mark.parametrize(
    "change",
    [
        {"value": math.nan},
        {"low": -math.inf},
        {"low": None},
        {"low": 0.9, "high": 0.1},
        {"level": 1.0},
        {"value": None, "low": None, "high": None},
        {"low": None, "high": None},
    ],
)
def test_an_estimate_that_breaks_the_promise_cannot_be_made(change):
    whole = {"value": 0.5, "low": 0.4, "high": 0.6, "resampled": "runs", **COMMON}
    Estimate(**whole)
    with pytest.raises(ValueError, match=r"estimate|interval|level"):
        Estimate(**{**whole, **change})
