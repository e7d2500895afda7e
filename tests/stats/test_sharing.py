"""Runs that share levels: which pairs are unrelated, and intervals that cover though runs are not independent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from varbench.stats.sharing import (
    repeated_runs,
    shared_mean_estimate,
    shared_pair_mean_estimate,
    sharing,
    unrelated_row_sums,
    unrelated_sd,
)


def crossed(a, b, n=1):
    return {"init": np.repeat(np.arange(a), b * n), "order": np.tile(np.repeat(np.arange(b), n), a)}


@pytest.mark.parametrize(
    ("levels", "sources"),
    [
        (crossed(2, 3), ("init", "order")),
        ({**crossed(2, 3), "data": np.zeros(6, int)}, ("init", "order")),
        ({"init": np.array([0, 0, 1, 1]), "order": np.arange(4)}, ("init",)),
        ({"init": np.array([5, 5, 2, 2]), "order": np.array([1, 1, 0, 0])}, ("init and order",)),
    ],
)
def test_the_sources_of_which_runs_share_levels(levels, sources):
    assert sharing(levels).sources == sources


@pytest.mark.parametrize("levels", [{}, {"init": np.arange(4)}, {"init": np.zeros(4, int)}, {"init": np.arange(0)}])
def test_runs_that_share_no_level_of_a_source_that_varies(levels):
    assert sharing(levels) is None


def test_runs_of_all_the_same_levels_are_repeats():
    assert repeated_runs({"init": np.array([0, 0, 1, 1, 1]), "order": np.array([0, 0, 1, 2, 1])}) == 2
    assert repeated_runs({"init": np.zeros(3, int)}) == 0


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=2, max_size=12), st.integers(0, 9))
def test_sums_over_unrelated_pairs_are_those_of_the_matrix(levels, seed):
    table = dict(zip("abc", np.array(levels).T, strict=True))
    shared = sharing(table)
    if shared is None:
        return
    x = np.random.default_rng(seed).normal(size=len(levels))
    matrix = np.abs(x[:, None] - x)
    sums, partners = unrelated_row_sums(lambda rows: matrix[np.ix_(rows, rows)].sum(axis=1), shared)
    expected = [
        [
            s
            for s in range(len(levels))
            if not any(shared.places[i, r] == shared.places[i, s] for i in range(len(shared.places)))
        ]
        for r in range(len(levels))
    ]
    np.testing.assert_array_equal(partners, [len(row) for row in expected])
    np.testing.assert_allclose(sums, [matrix[r, row].sum() for r, row in enumerate(expected)], atol=1e-9)


def test_variance_of_two_crossed_sources_by_the_textbook():
    """V_A + V_B − V_AB is (MS_A + MS_B − MS_AB) / ab of the analysis of variance."""
    a, b = 5, 8
    y = np.random.default_rng(1).normal(size=(a, 1)) + np.random.default_rng(2).normal(size=(1, b))
    y = y + 0.1 * np.random.default_rng(3).normal(size=(a, b))
    rows, columns = y.mean(axis=1), y.mean(axis=0)
    residual = y - rows[:, None] - columns + y.mean()
    squares = [b * rows.var(ddof=1), a * columns.var(ddof=1), (residual**2).sum() / ((a - 1) * (b - 1))]
    whole = y.var(ddof=1) / (a * b)
    variance = squares[0] / (a * b) + squares[1] / (a * b) - whole
    freedom = variance**2 / (rows.var(ddof=1) ** 2 / a**2 / (a - 1) + columns.var(ddof=1) ** 2 / b**2 / (b - 1))
    from scipy.stats import t

    found = shared_mean_estimate(y.ravel(), sharing(crossed(a, b)), level=0.9, n_examples=None)
    half = t.ppf(0.95, max(a - 1, int(freedom))) * np.sqrt(variance)
    np.testing.assert_allclose([found.low, found.high], y.mean() + np.array([-half, half]))
    assert found.resampled == "levels of init, order"


@pytest.mark.parametrize(("a", "b", "effects"), [(6, 6, (0.3, 1.0, 0.5)), (6, 6, (1, 1, 1)), (4, 16, (1, 0.3, 0.5))])
def test_coverage_of_mean_and_of_mean_over_pairs(a, b, effects):
    """For the mean, and for the mean squared difference of two unrelated runs; 800 repetitions: two errors are .016."""
    random, shared = np.random.default_rng(0), sharing(crossed(a, b))
    repeats, dimensions = 800, 20
    truth = dimensions * sum(e**2 for e in effects)
    unrelated = shared.unrelated
    hits = np.zeros(2)
    for _ in range(repeats):
        parts = [random.normal(size=(*shape, dimensions)) for shape in ((a, 1), (1, b), (a, b))]
        y = sum(e * part for e, part in zip(effects, parts, strict=True)).reshape(a * b, dimensions)
        halves = 0.5 * np.square(y[:, None] - y).sum(axis=-1)
        mean = shared_mean_estimate(y[:, 0], shared, level=0.95, n_examples=None)
        pairs = shared_pair_mean_estimate(
            np.where(unrelated, halves, 0).sum(axis=1), unrelated.sum(axis=1), shared, level=0.95, n_examples=None
        )
        hits += [mean.low <= 0 <= mean.high, pairs.low <= truth <= pairs.high]
    assert (np.abs(hits / repeats - 0.95) <= 0.03).all(), hits / repeats


def test_the_spread_of_unrelated_runs_is_unbiased():
    random = np.random.default_rng(0)
    shared = sharing(crossed(4, 4))
    draws = random.normal(size=(1500, 4, 1)) + random.normal(size=(1500, 1, 4))
    found = np.mean([unrelated_sd(y.ravel(), shared) ** 2 for y in draws])
    assert found == pytest.approx(2.0, rel=0.06)  # over all pairs it is 1.6


@pytest.mark.parametrize(
    "levels",
    [
        crossed(3, 12),
        {"init": np.r_[np.arange(6), np.zeros(6, int)], "order": np.r_[np.zeros(6, int), np.arange(6)]},
    ],
    ids=["three levels", "one source at a time"],
)
def test_other_designs_have_a_value_and_the_reason(levels):
    shared = sharing(levels)
    found = shared_mean_estimate(np.arange(len(levels["init"])) * 1.0, shared, level=0.95, n_examples=None)
    assert found.value is not None
    assert found.low is None
    assert "share levels of init, order" in found.reason
