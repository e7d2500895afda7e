"""Planned widths against the intervals that come out, and fewest runs against one run less."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from varbench.errors import InputError
from varbench.stats.mean import mean_estimate
from varbench.stats.precision import (
    kurtosis_of_interval,
    mean_width,
    runs_for_mean_width,
    runs_for_sd_width,
    sd_ends_normal,
    sd_width,
    sd_width_normal,
)
from varbench.stats.spread import variance_interval

LEVEL = 0.95


def test_the_width_of_a_mean_is_that_of_its_interval():
    values = np.random.default_rng(0).normal(size=9)
    estimate = mean_estimate(values, level=LEVEL, n_examples=None)
    assert mean_width(values.std(ddof=1), 9, level=LEVEL) == pytest.approx(estimate.high - estimate.low)


@settings(max_examples=50)
@given(st.floats(0.01, 20.0), st.sampled_from([None, 0.5, 0.9]), st.sampled_from([0.9, 0.95, 0.99]))
def test_one_run_less_gives_a_wider_interval(width, assurance, level):
    runs = runs_for_mean_width(1.0, width, level=level, assurance=assurance)
    assert mean_width(1.0, runs, level=level, assurance=assurance) <= width
    assert runs == 2 or mean_width(1.0, runs - 1, level=level, assurance=assurance) > width


@pytest.mark.parametrize("n_runs", [8, 64])
def test_an_assured_width_is_kept_in_nine_of_ten_repeats(n_runs):
    sds = np.random.default_rng(1).normal(size=(20_000, n_runs)).std(axis=1, ddof=1)
    widths = 2 * stats.t.ppf(0.975, n_runs - 1) * sds / np.sqrt(n_runs)
    assert np.mean(widths <= mean_width(1.0, n_runs, level=LEVEL, assurance=0.9)) == pytest.approx(0.9, abs=0.007)
    assert 0.5 < np.mean(widths <= mean_width(1.0, n_runs, level=LEVEL)) < 0.6


def test_the_interval_of_a_given_sd_holds_the_truth():
    sds = np.random.default_rng(2).normal(size=(4000, 8)).std(axis=1, ddof=1)
    ends = np.array([sd_ends_normal(sd, 8, level=LEVEL) for sd in sds])
    assert np.mean((ends[:, 0] <= 1) & (ends[:, 1] >= 1)) == pytest.approx(0.95, abs=0.0105)
    assert sd_width_normal(2.0, 8, level=LEVEL) == pytest.approx(np.diff(sd_ends_normal(2.0, 8, level=LEVEL))[0])


@pytest.mark.parametrize(("n_runs", "ratio"), [(8, 1.02), (16, 0.96), (64, 0.98)])
def test_the_planned_width_of_an_sd_is_about_the_median_of_those_that_come_out(n_runs, ratio):
    """As near as the docstring says, to three standard errors of a simulated median."""
    rng = np.random.default_rng(3)
    ends = np.sqrt([variance_interval(rng.normal(size=n_runs), level=LEVEL) for _ in range(1500)])
    ratios = np.diff(ends) / sd_width(1.0, n_runs, level=LEVEL)
    assert np.median(ratios) == pytest.approx(ratio, abs=3 * 1.25 * ratios.std() / np.sqrt(1500))


@pytest.mark.parametrize("n_runs", [6, 30])
def test_the_kurtosis_of_an_interval_gives_its_ends_back(n_runs):
    values = np.random.default_rng(n_runs).gamma(2.0, size=n_runs)
    low, high = np.sqrt(variance_interval(values, level=LEVEL))
    kurtosis = kurtosis_of_interval(low, high, n_runs, level=LEVEL)
    assert sd_width(values.std(ddof=1), n_runs, level=LEVEL, kurtosis=kurtosis) == pytest.approx(high - low)


@settings(max_examples=40)
@given(st.floats(0.02, 3.0), st.floats(1.5, 8.0))
def test_one_run_less_gives_a_wider_interval_of_the_sd(width, kurtosis):
    runs = runs_for_sd_width(1.0, width, level=LEVEL, kurtosis=kurtosis)
    assert sd_width(1.0, runs, level=LEVEL, kurtosis=kurtosis) <= width
    assert runs == 5 or sd_width(1.0, runs - 1, level=LEVEL, kurtosis=kurtosis) > width


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: runs_for_mean_width(-1.0, 1.0, level=LEVEL), "above 0"),
        (lambda: runs_for_mean_width(1.0, 0.0, level=LEVEL), "width"),
        (lambda: runs_for_mean_width(1.0, 1.0, level=1.0), "level"),
        (lambda: runs_for_mean_width(1.0, 1.0, level=LEVEL, assurance=1.0), "assurance"),
        (lambda: runs_for_sd_width(1.0, float("inf"), level=LEVEL), "width"),
        (lambda: runs_for_mean_width(1.0, 1e-9, level=LEVEL), "more than"),
    ],
)
def test_what_cannot_be_planned(call, word):
    with pytest.raises(InputError, match=word):
        call()
