"""Components against an analysis of variance by least squares, the identity of distances, and planted truths."""

from itertools import combinations
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.crossed import planted, rows_of
from varbench.measures.effects import effect_energies
from varbench.stats import components
from varbench.stats.component_shares import variance_shares
from varbench.stats.components import component_names, variance_components

SHAPES = [(4, 5, 1), (3, 4, 2), (2, 2, 1), (2, 3, 3, 1), (3, 2, 2, 2), (5, 2, 1)]
ABOUT = {"level": 0.95, "n_examples": None, "resampled": "levels"}


def estimated(values, function=variance_components):
    shape = values.shape[:-1]
    return function(effect_energies([values.reshape(-1, values.shape[-1])], rows_of(shape)), shape, **ABOUT)


def values_of(found):
    return {term: estimate.value for term, estimate in found.items()}


def by_least_squares(values):
    """Sums of squares of nested regressions on dummies, and their expectations as traces: nothing is shared."""
    shape = values.shape[:-1]
    n_factors, n_runs = len(shape) - 1, prod(shape)
    index = np.indices(shape).reshape(len(shape), n_runs)
    sets = [term for size in range(1, n_factors + 1) for term in combinations(range(n_factors), size)]
    sets += [tuple(range(len(shape)))] if shape[-1] > 1 else []
    dummies = {}
    for term in sets:
        _, level = np.unique(index[list(term)], axis=1, return_inverse=True)
        dummies[term] = np.eye(level.max() + 1)[level.ravel()]
    response = values.reshape(n_runs, -1)
    columns, before = np.ones((n_runs, 1)), np.full((n_runs, n_runs), 1 / n_runs)
    squares, expected = [], []
    for term in sets:
        columns = np.hstack([columns, dummies[term]])  # spans all terms so far
        projection = columns @ np.linalg.pinv(columns, rcond=1e-10)
        gained, before = projection - before, projection
        freedom = np.trace(gained)
        squares.append(np.trace(response.T @ gained @ response) / freedom)
        expected.append([np.trace(gained @ z @ z.T) / freedom for z in dummies.values()])
    return dict(zip(sets, np.linalg.solve(expected, squares), strict=True))


@pytest.mark.parametrize("width", [1, 7])
@pytest.mark.parametrize("shape", SHAPES)
def test_components_are_the_moments_of_the_analysis_of_variance(shape, width):
    values = np.random.default_rng(prod(shape)).normal(size=(*shape, width))
    found = values_of(estimated(values))
    total = found.pop(())
    assert found == pytest.approx(by_least_squares(values), rel=1e-9, abs=1e-10)
    assert total == pytest.approx(sum(found.values()), rel=1e-12)
    shares = values_of(estimated(values, variance_shares))
    assert shares == pytest.approx({term: value / total for term, value in found.items()}, rel=1e-12)


@given(
    shape=st.sampled_from(SHAPES),
    seed=st.integers(0, 2**16),
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-1e3, 1e3),
)
def test_components_scale_with_the_square_and_ignore_a_shift(shape, seed, scale, shift):
    values = np.random.default_rng(seed).normal(size=(*shape, 2))
    plain, changed = values_of(estimated(values)), values_of(estimated(scale * values + shift))
    for term, value in plain.items():
        assert changed[term] == pytest.approx(scale**2 * value, rel=1e-6, abs=1e-8 * max(1.0, scale**2))


def test_negative_estimates_stay_as_they_are():
    """Rows that undo each other: the sums over order do not differ, so init comes out below what noise gives."""
    values = np.array([[1.0, -1.0], [-1.0, 1.0]])[..., None, None]
    assert values_of(estimated(values)) == pytest.approx({(0,): -2.0, (1,): -2.0, (0, 1): 4.0, (): 0.0})
    rng = np.random.default_rng(0)
    found = estimated(planted(rng, (8, 8, 1), {(0, 1): 1.0}))
    negative = next(estimate for estimate in found.values() if estimate.value < 0)
    assert negative.low < negative.value < 0 < negative.high


@pytest.mark.parametrize(
    ("shape", "truth"),
    [
        ((8, 6, 1), {(0,): 2.0, (1,): 0.5, (0, 1): 1.0}),
        ((6, 5, 3), {(0,): 0.5, (1,): 2.0, (0, 1): 1.0, (0, 1, 2): 0.3}),
        ((5, 4, 6, 1), {(0,): 1.0, (1,): 0.2, (2,): 0.0, (0, 1): 0.5, (0, 2): 0.1, (1, 2): 0.7, (0, 1, 2): 0.4}),
    ],
)
def test_planted_components_are_recovered(shape, truth):
    """The mean of 100 estimates with 20 values a run each, within four of its own standard errors."""
    rng = np.random.default_rng(1)
    found = [values_of(estimated(planted(rng, shape, truth, width=20))) for _ in range(100)]
    for term, variance in truth.items():
        drawn = np.array([one[term] for one in found]) / 20
        assert drawn.mean() == pytest.approx(variance, abs=4 * drawn.std() / np.sqrt(100))


def test_equal_runs_have_components_of_exactly_zero_and_no_shares():
    values = np.full((5, 5, 1, 3), 0.1)
    for estimate in estimated(values).values():
        assert (estimate.value, estimate.low, estimate.high) == (0.0, 0.0, 0.0)
    for estimate in estimated(values, variance_shares).values():
        assert (estimate.value, estimate.reason) == (None, "all runs are equal: there is no variance to share")


def test_too_few_levels_and_a_single_different_level_have_a_reason():
    rng = np.random.default_rng(2)
    for function in (variance_components, variance_shares):
        for estimate in estimated(rng.normal(size=(3, 8, 1, 2)), function).values():
            assert (estimate.low, estimate.reason) == (None, components.TOO_FEW)
            assert estimate.value is not None
        one = np.zeros((5, 5, 1, 1))
        one[2] = 1.0
        assert estimated(one, function)[0,].reason == "the differences between the runs rest on a single level"


def test_leaving_out_a_level_of_a_mean_square_equals_recomputing():
    values = np.random.default_rng(3).normal(size=(6, 7, 2, 3))
    energies = effect_energies([values.reshape(-1, 3)], rows_of((6, 7, 2)))

    def mean_square(kept, term):
        shape = kept.shape[:-1]
        again = effect_energies([kept.reshape(-1, 3)], rows_of(shape))
        return components.mean_squares(again, shape, level=0.95)[term].value

    for term in ((0,), (0, 1), (0, 1, 2)):
        energy = energies[term].sum(axis=tuple(range(1, len(term))))
        logs = np.log([mean_square(np.delete(values, level, axis=0), term) for level in range(6)])
        expected = 5 / 6 * np.square(logs - logs.mean()).sum()
        assert components._left_out_variance(energy, centered=len(term) < 3) == pytest.approx(expected, rel=1e-9)


def test_without_replicates_interaction_and_residual_are_one_and_say_so():
    assert component_names(("init", "order"), replicates=1) == {
        (0,): "init",
        (1,): "order",
        (0, 1): "init × order + residual",
    }
    assert list(component_names(("init", "order"), replicates=2).values()) == [
        "init",
        "order",
        "init × order",
        "residual",
    ]
    three = component_names(("init", "order", "data"), replicates=1)
    assert three[0, 2] == "init × data"
    assert three[0, 1, 2] == "init × order × data + residual"


def test_intervals_of_shares_are_cut_to_what_a_share_can_be():
    ends = []
    for seed in range(12):
        values = np.random.default_rng(seed).normal(size=(4, 4, 1, 1))
        values += np.random.default_rng(100 + seed).normal(size=(4, 1, 1, 1))
        for estimate in estimated(values, variance_shares).values():
            if estimate.low is not None:
                assert 0.0 <= estimate.low <= estimate.high <= 1.0
                ends += [estimate.low, estimate.high]
    assert {0.0, 1.0} <= set(ends)  # what was cut


def test_a_component_that_has_a_largest_value_is_cut_there():
    values = np.random.default_rng(0).random((5, 5, 1, 1))
    values[:2] += 0.5
    energies, rows = effect_energies([values.reshape(-1, 1)], rows_of((4, 4, 1))), (4, 4, 1)
    free, cut = (variance_components(energies, rows, **ABOUT, **k)[0,] for k in ({}, {"bounds": (-0.25, 0.25)}))
    assert free.high > 0.25
    assert (cut.value, cut.low, cut.high) == (free.value, max(free.low, -0.25), 0.25)
