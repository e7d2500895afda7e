"""Differences of two conditions against SciPy's t tests, and of two published estimates against those of their runs."""

import numpy as np
import pytest
from scipy import stats

from varbench.stats import difference
from varbench.stats.estimate import Estimate, missing
from varbench.stats.mean import mean_estimate
from varbench.stats.spread import sd_estimate

SETTINGS = {"level": 0.95, "n_examples": 10}


def arms(n_first, n_second, *, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0.5, 0.1, n_first), rng.normal(0.55, 0.3, n_second)


@pytest.mark.parametrize("n_runs", [2, 5, 40])
def test_paired_difference_agrees_with_scipy(n_runs):
    first, second = arms(n_runs, n_runs)
    ours, theirs = difference.paired_difference(first, second, **SETTINGS), stats.ttest_rel(second, first)
    interval = theirs.confidence_interval(0.95)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-10)
    assert (ours.estimate.low, ours.estimate.high) == pytest.approx((interval.low, interval.high), rel=1e-10)
    assert (ours.estimate.value, ours.estimate.n_runs) == (pytest.approx((second - first).mean(), rel=1e-12), n_runs)


@pytest.mark.parametrize("sizes", [(2, 2), (5, 12), (40, 7)])
def test_difference_of_independent_runs_agrees_with_scipy(sizes):
    first, second = arms(*sizes)
    ours = difference.independent_difference(first, second, **SETTINGS)
    theirs = stats.ttest_ind(second, first, equal_var=False)
    interval = theirs.confidence_interval(0.95)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-10)
    assert (ours.estimate.low, ours.estimate.high) == pytest.approx((interval.low, interval.high), rel=1e-10)
    assert (ours.estimate.value, ours.estimate.n_runs) == (pytest.approx(second.mean() - first.mean()), sum(sizes))


@pytest.mark.parametrize("sizes", [(2, 2), (5, 12), (40, 7)])
def test_two_published_means_give_what_their_runs_give(sizes):
    first, second = arms(*sizes)
    whole = difference.independent_difference(first, second, **SETTINGS)
    reported = difference.difference_of_estimates(mean_estimate(first, **SETTINGS), mean_estimate(second, **SETTINGS))
    assert reported.p == pytest.approx(whole.p, rel=1e-10)
    expected = (whole.estimate.value, whole.estimate.low, whole.estimate.high)
    assert (reported.estimate.value, reported.estimate.low, reported.estimate.high) == pytest.approx(expected)


def test_leaving_a_run_out_of_two_means_gives_the_paired_t_test():
    first, second = arms(9, 9)
    gaps = second - first
    left_out = (gaps.sum() - gaps) / 8
    found = difference.difference_of_left_out(gaps.mean(), left_out, **SETTINGS)
    whole = difference.paired_difference(first, second, **SETTINGS)
    assert (found.estimate.low, found.p) == pytest.approx((whole.estimate.low, whole.p), rel=1e-9)
    lost = difference.difference_of_left_out(0.1, np.array([0.1, np.nan, 0.2]), **SETTINGS)
    assert (lost.estimate.value, lost.estimate.low, lost.p) == (0.1, None, None)


def test_an_interval_cut_at_the_range_of_its_quantity_is_read_from_its_other_side():
    first, second = np.array([0.2, 0.3, 0.25]), np.array([0.99, 1.0, 1.0, 0.98])
    free, cut = (mean_estimate(second, **SETTINGS, bounds=bounds) for bounds in ((-9, 9), (0, 1)))
    assert cut.high == 1.0 < free.high
    reported = mean_estimate(first, **SETTINGS)
    assert difference.difference_of_estimates(reported, cut) == difference.difference_of_estimates(reported, free)


def test_sides_that_face_each_other_are_combined():
    """SDs have long upper sides: below the difference the first's upper side counts, above it the second's."""
    wide, narrow = (sd_estimate(arms(n, n, seed=3)[1], **SETTINGS) for n in (8, 200))
    up = difference.difference_of_estimates(narrow, wide).estimate
    down = difference.difference_of_estimates(wide, narrow).estimate
    assert (up.value, up.low, up.high) == pytest.approx((-down.value, -down.high, -down.low))
    assert up.high - up.value > up.value - up.low
    certain = difference.difference_of_estimates(Estimate(0.0, 0.0, 0.0, 0.95, "x", "runs", 9, 10), wide).estimate
    assert (certain.low, certain.high) == pytest.approx((wide.low, wide.high), rel=1e-12)


def test_runs_without_spread_have_a_difference_without_a_p_value():
    flat, higher = np.full(4, 0.5), np.full(3, 0.75)
    for found in (
        difference.independent_difference(flat, higher, **SETTINGS),
        difference.paired_difference(flat, flat + 0.25, **SETTINGS),
        difference.difference_of_estimates(mean_estimate(flat, **SETTINGS), mean_estimate(higher, **SETTINGS)),
    ):
        assert (found.estimate.value, found.estimate.low, found.estimate.high) == (0.25, 0.25, 0.25)
        assert (found.p, found.reason) == (None, difference.NO_SPREAD)
    assert difference.independent_difference(flat, flat, **SETTINGS).p == 1.0
    assert difference.paired_difference(flat, flat, **SETTINGS).p == 1.0


def test_too_few_runs_say_so():
    one, two, none = np.array([0.5]), np.array([0.5, 0.75]), np.array([])
    assert difference.independent_difference(one, two, **SETTINGS).reason == difference.FEW_RUNS
    assert difference.independent_difference(one, two, **SETTINGS).estimate.value == 0.125
    assert difference.independent_difference(none, two, **SETTINGS).estimate.value is None
    single = difference.paired_difference(one, one + 1, **SETTINGS)
    assert (single.estimate.value, single.estimate.low, single.reason) == (1.0, None, difference.FEW_PAIRS)
    assert difference.paired_difference(none, none, **SETTINGS).estimate.value is None


def test_an_estimate_without_value_or_interval_passes_its_reason_on():
    gone = missing("all runs diverged", level=0.95, n_runs=4, n_examples=10)
    sound = mean_estimate(np.array([0.1, 0.2]), **SETTINGS)
    for first, second in ((gone, sound), (sound, gone)):
        found = difference.difference_of_estimates(first, second)
        assert (found.estimate.value, found.estimate.reason, found.reason) == (None, gone.reason, gone.reason)
    bare = difference.difference_of_estimates(mean_estimate(np.array([0.4]), **SETTINGS), sound)
    assert bare.estimate.value == pytest.approx(-0.25)
    assert (bare.p, bare.reason) == (None, "an interval over runs needs at least 2 runs")


def test_intervals_of_different_levels_are_not_combined():
    sound = mean_estimate(np.array([0.1, 0.2]), **SETTINGS)
    with pytest.raises(ValueError, match="cannot be combined"):
        difference.difference_of_estimates(sound, mean_estimate(np.array([0.1, 0.2]), level=0.9, n_examples=None))
