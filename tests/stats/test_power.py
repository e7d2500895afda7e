"""Power against simulation and identities; planned runs against the power they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from varbench.errors import InputError
from varbench.stats.power import (
    detectable_difference,
    paired_power,
    runs_for_difference,
    welch_power,
)

REPEATS = 20_000


def welch_rejections(rng, n_runs, difference, sd, other_sd):
    first = rng.normal(difference, sd, (REPEATS, n_runs))
    second = rng.normal(0.0, other_sd, (REPEATS, n_runs))
    test = stats.ttest_ind(first, second, axis=1, equal_var=False)
    return np.mean((test.pvalue < 0.05) & (test.statistic > 0))


@pytest.mark.parametrize("other_sd", [1.0, 3.0])
@pytest.mark.parametrize("n_runs", [3, 5, 20])
def test_welch_power_is_what_the_test_does(n_runs, other_sd):
    difference = 3.0 * np.sqrt((1.0 + other_sd**2) / n_runs)
    found = welch_rejections(np.random.default_rng(1), n_runs, difference, 1.0, other_sd)
    assert welch_power(1.0, difference, n_runs, alpha=0.05, other_sd=other_sd) == pytest.approx(found, abs=0.0105)


@pytest.mark.parametrize("n_runs", [2, 5, 20])
def test_paired_power_is_what_the_test_does(n_runs):
    differences = np.random.default_rng(2).normal(3.0 / np.sqrt(n_runs), 1.0, (REPEATS, n_runs))
    test = stats.ttest_1samp(differences, 0.0, axis=1)
    found = np.mean((test.pvalue < 0.05) & (test.statistic > 0))
    assert paired_power(1.0, -3.0 / np.sqrt(n_runs), n_runs, alpha=0.05) == pytest.approx(found, abs=0.0105)


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("difference", [0.65, 1.0, 1.5])
def test_planned_runs_reach_the_power_and_one_run_less_does_not(difference, paired):
    runs = runs_for_difference(1.0, difference, alpha=0.05, power=0.8, paired=paired)
    power = (lambda n: paired_power(1.0, difference, n, alpha=0.05)) if paired else None
    power = power or (lambda n: welch_power(1.0, difference, n, alpha=0.05))
    assert power(runs - 1) < 0.8 <= power(runs)


def test_planned_runs_in_a_simulated_comparison():
    runs = runs_for_difference(0.149, 0.1, alpha=0.05, power=0.95, paired=False)
    found = welch_rejections(np.random.default_rng(3), runs, 0.1, 0.149, 0.149)
    assert found == pytest.approx(0.95, abs=0.007)


@settings(max_examples=40)
@given(st.integers(3, 2000), st.sampled_from([0.8, 0.95]), st.booleans())
def test_the_detectable_difference_needs_so_many_runs(runs, power, paired):
    found = detectable_difference(0.3, runs, alpha=0.05, power=power, paired=paired)
    larger, smaller = found * (1 + 1e-6), found * (1 - 1e-6)
    assert runs_for_difference(0.3, larger, alpha=0.05, power=power, paired=paired) <= runs
    assert runs_for_difference(0.3, smaller, alpha=0.05, power=power, paired=paired) > runs


@given(st.floats(0.01, 100), st.integers(2, 500))
def test_an_unequal_pair_of_spreads_is_symmetric_and_scales(scale, runs):
    given_ = welch_power(1.0, 2.0, runs, alpha=0.05, other_sd=3.0)
    assert welch_power(3.0 * scale, 2.0 * scale, runs, alpha=0.05, other_sd=scale) == pytest.approx(given_, abs=1e-6)


def test_without_a_difference_a_half_of_the_false_alarms_points_right():
    assert welch_power(1.0, 0.0, 8, alpha=0.05) == pytest.approx(0.025, abs=0.002)
    assert paired_power(1.0, 0.0, 8, alpha=0.05) == pytest.approx(0.025)


def test_tiny_and_huge_plans():
    assert runs_for_difference(1.0, 1e6, alpha=0.05, power=0.8, paired=True) == 2
    assert runs_for_difference(1.0, 1e-3, alpha=0.05, power=0.8, paired=False) == pytest.approx(15_697_768, rel=1e-6)
    assert detectable_difference(1.0, 2, alpha=0.001, power=0.999, paired=True) > 100


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("difference", [1e12, 1e50])
def test_a_difference_of_any_number_of_standard_deviations_is_found_by_two_runs(difference, paired):
    assert runs_for_difference(1.0, difference, alpha=0.05, power=0.8, paired=paired) == 2
    assert runs_for_difference(1e-50, 1e50, alpha=0.05, power=0.8, paired=paired) == 2


@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
def test_where_scipy_has_no_noncentral_t_the_power_is_that_of_the_same_ratio_where_it_has(ratio):
    def power(critical):
        return paired_power(1.0, ratio * critical / np.sqrt(2), 2, alpha=2 * stats.t.sf(critical, 1))

    assert np.isnan(special.nctdtr(1, ratio * 1e7, 1e7))
    assert 0.04 < power(1e7) < 0.998
    assert power(1e7) == pytest.approx(power(1e4), rel=1e-4)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: runs_for_difference(1e200, 1.0, alpha=0.05, power=0.8, paired=False), "from 1e-50 to 1e\\+50"),
        (lambda: runs_for_difference(1.0, 1e-300, alpha=0.05, power=0.8, paired=False), "from 1e-50"),
        (lambda: runs_for_difference(0.0, 1.0, alpha=0.05, power=0.8, paired=False), "above 0"),
        (lambda: runs_for_difference(1.0, 0.0, alpha=0.05, power=0.8, paired=False), "not 0"),
        (lambda: runs_for_difference(1.0, float("nan"), alpha=0.05, power=0.8, paired=False), "not 0"),
        (lambda: runs_for_difference(1.0, 1.0, alpha=0.05, power=1.8, paired=False), "power"),
        (lambda: runs_for_difference(1.0, 1.0, alpha=0.05, power=0.8, paired=True, other_sd=2.0), "one SD"),
        (lambda: runs_for_difference(1.0, 1e-9, alpha=0.05, power=0.8, paired=False), "more than"),
        (lambda: detectable_difference(1.0, 1, alpha=0.05, power=0.8, paired=False), "at least 2"),
    ],
)
def test_what_cannot_be_planned(call, word):
    with pytest.raises(InputError, match=word):
        call()
