"""The t interval against SciPy."""

import numpy as np
import pytest
from scipy import stats

from varbench.stats.mean import mean_estimate


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("n_runs", [2, 5, 30])
def test_it_is_scipys_t_interval(n_runs, level):
    values = np.random.default_rng(n_runs).normal(size=n_runs)
    estimate = mean_estimate(values, level=level, n_examples=7)
    expected = stats.t.interval(level, n_runs - 1, values.mean(), stats.sem(values))
    assert (estimate.low, estimate.high) == pytest.approx(expected, rel=1e-12)
    assert (estimate.n_runs, estimate.n_examples, estimate.resampled) == (n_runs, 7, "runs")


def test_equal_values_have_an_interval_of_no_length():
    estimate = mean_estimate(np.zeros(4), level=0.95, n_examples=None)
    assert (estimate.value, estimate.low, estimate.high) == (0.0, 0.0, 0.0)


def test_one_run_has_a_value_and_no_run_has_none():
    one = mean_estimate(np.array([0.5]), level=0.95, n_examples=None)
    assert (one.value, one.low, one.reason) == (0.5, None, "an interval over runs needs at least 2 runs")
    none = mean_estimate(np.array([]), level=0.95, n_examples=None)
    assert (none.value, none.reason) == (None, "there are no runs to average")
