"""Averages over subsets: left-out values against recomputing, and the bias that random subsets add."""

from itertools import combinations

import numpy as np
import pytest

from varbench.measures.ensembles import member_subsets
from varbench.stats.jackknife import jackknife_variance, mean_left_out
from varbench.stats.subsets import subset_jackknife, subset_mean_estimate, subset_variance

N_RUNS, SIZE = 12, 4


def every_subset(n_runs=N_RUNS, size=SIZE):
    return np.array(list(combinations(range(n_runs), size)))


def score(members, seed=0):
    """A score that is not linear in its members: part quality, part chemistry of the pairs inside."""
    rng = np.random.default_rng(seed)
    quality, chemistry = rng.normal(size=N_RUNS), rng.normal(size=(N_RUNS, N_RUNS))
    within = chemistry[members[:, :, None], members[:, None, :]].sum(axis=(1, 2))
    return quality[members].mean(axis=1) + 0.1 * within


def test_left_out_values_average_the_subsets_without_the_run():
    members = every_subset()
    scores = score(members)
    found = subset_jackknife(scores, members, n_runs=N_RUNS, exhaustive=True)
    expected = [scores[(members != run).all(axis=1)].mean() for run in range(N_RUNS)]
    np.testing.assert_allclose(found.left_out, expected, rtol=1e-12)
    assert (found.value, found.noise, found.value_noise) == (pytest.approx(scores.mean()), 0.0, 0.0)


def test_the_mean_of_the_members_has_the_error_of_a_mean():
    values = np.random.default_rng(1).normal(size=N_RUNS)
    members = every_subset()
    found = subset_jackknife(values[members].mean(axis=1), members, n_runs=N_RUNS, exhaustive=True)
    np.testing.assert_allclose(found.left_out, mean_left_out(values), rtol=1e-12)
    assert subset_variance(found.left_out, noise=0.0, value_noise=0.0) == pytest.approx(values.var(ddof=1) / N_RUNS)


def test_the_noise_of_random_subsets_is_taken_out_of_the_jackknife():
    """Against all 495 subsets of one population: 60 random ones, left uncorrected, add a fifth and more."""
    members = every_subset()
    scores = score(members)
    exact = jackknife_variance(subset_jackknife(scores, members, n_runs=N_RUNS, exhaustive=True).left_out)
    rng = np.random.default_rng(2)
    raw, corrected, values, value_noise = [], [], [], []
    for _ in range(2000):
        drawn = rng.integers(0, len(members), 60)
        found = subset_jackknife(scores[drawn], members[drawn], n_runs=N_RUNS, exhaustive=False)
        raw.append(jackknife_variance(found.left_out))
        corrected.append(raw[-1] - (N_RUNS - 1) / N_RUNS * found.noise)
        values.append(found.value)
        value_noise.append(found.value_noise)
    tolerance = 4 * np.std(corrected) / np.sqrt(2000)
    assert np.mean(raw) > 1.2 * exact
    assert np.mean(corrected) == pytest.approx(exact, abs=tolerance)
    assert np.mean(value_noise) == pytest.approx(np.var(values), rel=4 * np.sqrt(2 / 2000))


def test_the_variance_never_falls_below_the_noise_of_the_value():
    assert subset_variance(np.zeros(5), noise=1.0, value_noise=0.25) == 0.25


def test_a_known_part_adds_its_value_and_its_left_out_values():
    values = np.random.default_rng(3).normal(size=N_RUNS)
    members = every_subset()
    common = {"exhaustive": True, "level": 0.95, "n_examples": None}
    whole = subset_mean_estimate(
        score(members) + values[members].mean(axis=1), members, base=0.0, base_left_out=np.zeros(N_RUNS), **common
    )
    parted = subset_mean_estimate(
        score(members), members, base=values.mean(), base_left_out=mean_left_out(values), **common
    )
    assert (parted.value, parted.low, parted.high) == pytest.approx((whole.value, whole.low, whole.high), rel=1e-12)


def test_where_every_subset_holds_a_run_there_is_no_interval():
    estimate = subset_mean_estimate(
        np.array([0.1, 0.2, 0.3]),
        np.array([[0, 1, 2, 3]] * 3),
        base=0.0,
        base_left_out=np.zeros(4),
        exhaustive=True,
        level=0.95,
        n_examples=None,
    )
    assert (estimate.value, estimate.low) == (pytest.approx(0.2), None)
    assert estimate.reason == "too few ensembles of this size remain when a run is left out"


def test_random_subsets_are_named_in_the_method():
    members = member_subsets(N_RUNS, SIZE, limit=40, generator=np.random.default_rng(4)).members
    estimate = subset_mean_estimate(
        score(members),
        members,
        base=0.0,
        base_left_out=np.zeros(N_RUNS),
        exhaustive=False,
        level=0.95,
        n_examples=None,
    )
    assert estimate.method == "jackknife over runs, 40 random subsets"
