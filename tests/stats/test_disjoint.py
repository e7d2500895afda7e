"""Means over disjoint groups of runs: Student's t over the groups, with what it says it rests on."""

import numpy as np
import pytest
from scipy import stats

from varbench.measures.barriers import barrier
from varbench.stats.disjoint import disjoint_mean_estimate


def test_it_is_students_t_over_the_groups():
    values = np.random.default_rng(0).normal(size=6)
    found = disjoint_mean_estimate(values, size=4, level=0.9, n_examples=7)
    expected = stats.t.interval(0.9, 5, values.mean(), stats.sem(values))
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(expected)
    assert (found.n_runs, found.n_examples, found.level) == (24, 7, 0.9)
    assert found.resampled == "disjoint groups of 4 runs"
    assert found.method == "t over disjoint groups of 4 runs"


def test_what_is_missing_has_a_reason():
    one = disjoint_mean_estimate(np.array([2.0]), size=2, level=0.95, n_examples=None)
    assert (one.value, one.low, one.n_runs) == (2.0, None, 2)
    assert one.reason == "an interval needs at least 2 disjoint pairs of runs"
    spoiled = disjoint_mean_estimate(np.array([2.0, np.inf, 1.0]), size=2, level=0.95, n_examples=None)
    assert (spoiled.value, spoiled.low, spoiled.n_runs) == (None, None, 6)
    assert spoiled.reason == "the value is not finite in one of the disjoint pairs of runs"
    named = disjoint_mean_estimate(np.array([np.nan, 1.0]), size=2, level=0.95, n_examples=None, reason="so it is")
    assert named.reason == "so it is"
    whole = disjoint_mean_estimate(np.ones(3), size=2, level=0.95, n_examples=None, reason="so it is")
    assert (whole.low, whole.high, whole.reason) == (1.0, 1.0, "")
    none = disjoint_mean_estimate(np.ones(0), size=2, level=0.95, n_examples=None)
    assert (none.value, none.n_runs) == (None, 0)


@pytest.mark.parametrize("n_runs", [16, 64])
def test_disjoint_pairs_cover_where_all_pairs_taken_as_independent_do_not(n_runs):
    """The value of a pair is the mean of an effect of each run and noise of the pair."""
    rng = np.random.default_rng(1)
    covered, naive = [], []
    first, second = np.triu_indices(n_runs, 1)
    for _ in range(1500):
        effect = rng.normal(size=n_runs)
        matrix = 0.5 * (effect[:, None] + effect) + 0.3 * rng.normal(size=(n_runs, n_runs))
        pairs = matrix[np.arange(0, n_runs, 2), np.arange(1, n_runs, 2)][:16]
        found = disjoint_mean_estimate(pairs, size=2, level=0.95, n_examples=None)
        covered.append(found.low <= 0 <= found.high)
        every = matrix[first, second]
        naive.append(abs(every.mean()) <= 1.96 * every.std() / np.sqrt(len(every)))
    margin = 3 * np.sqrt(0.95 * 0.05 / len(covered))
    assert 0.93 - margin <= np.mean(covered) <= 0.97 + margin
    assert np.mean(naive) < 0.75


@pytest.mark.parametrize("dimensions", [2, 10])
@pytest.mark.parametrize("n_runs", [16, 64])
def test_barriers_between_minima_on_a_sphere(n_runs, dimensions):
    """L(θ) = (‖θ‖² − 1)² has its minima on the unit sphere, and between two at the angle φ a barrier of sin⁴(φ/2)."""
    rng, repetitions, pairs = np.random.default_rng(2), 1500, min(n_runs // 2, 16)
    minima = rng.normal(size=(repetitions * pairs, 2, dimensions))
    minima /= np.linalg.norm(minima, axis=-1, keepdims=True)
    alphas = np.linspace(0.0, 1.0, 25)
    path = (1 - alphas)[:, None] * minima[:, :1] + alphas[:, None] * minima[:, 1:]
    values = barrier((np.square(path).sum(axis=-1) - 1) ** 2, alphas)
    cosine = (minima[:, 0] * minima[:, 1]).sum(axis=-1)
    np.testing.assert_allclose(values, ((1 - cosine) / 2) ** 2, atol=1e-12)
    truth = (1 + 1 / dimensions) / 4  # E cos φ = 0, E cos² φ = 1/d
    covered = []
    for row in values.reshape(repetitions, pairs):
        found = disjoint_mean_estimate(row, size=2, level=0.95, n_examples=None)
        covered.append(found.low <= truth <= found.high)
    margin = 3 * np.sqrt(0.95 * 0.05 / len(covered))
    assert 0.93 - margin <= np.mean(covered) <= 0.97 + margin
