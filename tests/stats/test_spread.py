"""Bonett's interval from his formula by hand, and what is left of a variance."""

import numpy as np
import pytest
from scipy import stats

from varbench.stats import spread


def bonett(values, level, quantile):
    """The interval for σ² as printed in Bonett (2006), with the trimmed mean of SciPy."""
    n = len(values)
    trimmed = stats.trim_mean(values, 1 / (2 * np.sqrt(n - 4)))
    kurtosis = n * ((values - trimmed) ** 4).sum() / ((values - values.mean()) ** 2).sum() ** 2
    c = n / (n - stats.norm.ppf(0.5 + level / 2))
    error = c * np.sqrt((kurtosis - (n - 3) / n) / (n - 1))
    center = np.log(c * values.var(ddof=1))
    return np.exp(center - quantile * error), np.exp(center + quantile * error)


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize("n_runs", [6, 16, 64])
@pytest.mark.parametrize("scale", [1.0, 1e-90])
def test_the_interval_is_bonetts_with_student_quantiles(n_runs, level, scale):
    values = np.random.default_rng(n_runs).gamma(3, size=n_runs)
    low, high = bonett(values, level, stats.t.ppf(0.5 + level / 2, n_runs - 1))
    found = spread.variance_interval(scale * values, level=level)
    assert found == pytest.approx((low * scale**2, high * scale**2), rel=1e-9)


def test_sd_is_the_sample_sd_within_its_interval_and_scales():
    values = np.random.default_rng(1).normal(size=12)
    estimate = spread.sd_estimate(values, level=0.95, n_examples=5)
    assert estimate.value == pytest.approx(values.std(ddof=1))
    assert estimate.low < estimate.value < estimate.high
    larger = spread.sd_estimate(10 * values + 3, level=0.95, n_examples=5)
    assert (larger.low, larger.high) == pytest.approx((10 * estimate.low, 10 * estimate.high))


def test_equal_values_and_too_few_runs():
    equal = spread.sd_estimate(np.full(6, 0.1), level=0.95, n_examples=None)
    assert (equal.value, equal.low, equal.high) == (0.0, 0.0, 0.0)
    few = spread.sd_estimate(np.arange(4.0), level=0.95, n_examples=None)
    assert few.value == pytest.approx(np.arange(4.0).std(ddof=1))
    assert (few.low, few.reason) == (None, spread.TOO_FEW)
    assert spread.sd_estimate(np.array([1.0]), level=0.95, n_examples=None).value is None


def test_without_a_part_the_excess_is_the_variance():
    values = np.random.default_rng(2).normal(size=20)
    whole = spread.variance_interval(values, level=0.95)
    assert spread.excess_variance_interval(values, 0.0, np.zeros(20), level=0.95) == pytest.approx(whole)


def test_a_part_that_is_known_shifts_the_interval_and_an_uncertain_one_widens_it():
    values = np.random.default_rng(3).normal(size=20)
    low, high = spread.variance_interval(values, level=0.95)
    known = spread.excess_variance_interval(values, 0.3, np.full(20, 0.3), level=0.95)
    assert known == pytest.approx((low - 0.3, high - 0.3))
    uncertain = spread.excess_variance_interval(values, 0.3, 0.3 + 0.02 * values, level=0.95)
    assert uncertain[0] < known[0] < known[1] < uncertain[1]


def test_no_interval_for_the_spread_of_fractions_goes_beyond_one_half():
    values = np.array([0.02, 0.98, 0.0, 0.5, 1.0, 0.03])
    free, cut = (spread.sd_estimate(values, level=0.95, n_examples=9, **k) for k in ({}, {"values_in": (0.0, 1.0)}))
    assert free.high > 0.5
    assert (cut.value, cut.low, cut.high) == (free.value, free.low, 0.5)
    shifted = spread.sd_estimate(4.0 * values - 2.0, level=0.95, n_examples=9, values_in=(-2.0, 2.0))
    assert shifted.high == 2.0
