"""Weight distances against loops, at one unit in the last place, and at the ends of their ranges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varbench.measures import weights as geometry


def vectors(n_runs=5, n_parameters=203, seed=0):
    return np.random.default_rng(seed).normal(size=(n_runs, n_parameters)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 40), st.integers(0, 1000))
def test_matrices_equal_loops_over_pairs(n_runs, n_parameters, seed):
    w = vectors(n_runs, n_parameters, seed)
    start = vectors(n_runs, n_parameters, seed + 1)
    a, b = w.astype(np.float64), start.astype(np.float64)
    travel = np.linalg.norm(a - b, axis=1)
    distance, cosine, over = (
        geometry.relative_distance_matrix(w),
        geometry.cosine_matrix(w),
        geometry.distance_over_travel_matrix(w, start),
    )
    for r in range(n_runs):
        for s in range(n_runs):
            gap = np.linalg.norm(a[r] - a[s])
            assert distance[r, s] == pytest.approx(gap / np.sqrt(a[r] @ a[r] + a[s] @ a[s]), rel=1e-12)
            expected = a[r] @ a[s] / np.linalg.norm(a[r]) / np.linalg.norm(a[s])
            assert cosine[r, s] == pytest.approx(expected, abs=1e-12)
            assert over[r, s] == pytest.approx(gap / (0.5 * (travel[r] + travel[s])), rel=1e-12)


def test_one_unit_in_the_last_place_of_one_weight_is_seen():
    # ‖a‖² + ‖b‖² − 2a·b would give 0, a negative number or noise here, in float32 and in float64.
    w = vectors(1, 100_000)
    moved = w.copy()
    index = int(np.abs(w[0]).argmin())
    moved[0, index] = np.nextafter(w[0, index], np.float32(np.inf))
    step = float(moved[0, index]) - float(w[0, index])
    both = np.concatenate([w, moved])
    exact = step / np.sqrt(2 * (w.astype(np.float64) ** 2).sum())
    assert geometry.squared_distances(both)[0, 1] == step**2 > 0
    assert geometry.relative_distance_matrix(both)[0, 1] == pytest.approx(exact, rel=1e-9)
    assert geometry.paired_relative_distance(w, moved)[0] == pytest.approx(exact, rel=1e-9)


def test_identical_weights_are_exactly_zero_apart_with_cosine_exactly_one():
    w = vectors(1, 12_345).repeat(4, axis=0)
    assert geometry.relative_distance_matrix(w).tolist() == np.zeros((4, 4)).tolist()
    assert geometry.cosine_matrix(w).tolist() == np.ones((4, 4)).tolist()
    assert geometry.paired_relative_distance(w, w.copy()).tolist() == [0.0] * 4
    assert geometry.paired_cosine(w, w.copy()).tolist() == [1.0] * 4


def test_orthogonal_opposite_and_zero_weights():
    w = np.array([[1, 0], [0, 2], [-1, 0], [0, 0], [0, 0]], dtype=np.float32)
    distance, cosine = geometry.relative_distance_matrix(w), geometry.cosine_matrix(w)
    assert distance[0, 1] == 1.0
    assert distance[0, 2] == pytest.approx(np.sqrt(2))
    assert distance[0, 3] == 1.0
    assert distance[3, 4] == 0.0
    assert cosine[0].tolist()[:3] == [1.0, 0.0, -1.0]
    assert np.isnan(cosine[3]).all()


def test_travel_along_one_line_and_away_from_a_common_start():
    start = np.zeros((2, 3), dtype=np.float32)
    apart = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)
    together = np.array([[1, 0, 0], [1, 0, 0]], dtype=np.float32)
    assert geometry.distance_over_travel_matrix(apart, start)[0, 1] == pytest.approx(np.sqrt(2))
    assert geometry.distance_over_travel_matrix(together, start)[0, 1] == 0.0
    assert np.isnan(geometry.distance_over_travel_matrix(start, start)).all()


def test_unrelated_initializations_are_one_apart():
    w = vectors(6, 200_000)
    off_diagonal = geometry.relative_distance_matrix(w)[~np.eye(6, dtype=bool)]
    np.testing.assert_allclose(off_diagonal, 1.0, atol=5 / np.sqrt(200_000))


def test_paired_versions_are_the_diagonal_of_the_cross_comparison():
    first, second = vectors(3, 17, 1), vectors(3, 17, 2)
    stacked = np.concatenate([first, second])
    rows, columns = np.arange(3), np.arange(3) + 3
    np.testing.assert_allclose(
        geometry.paired_relative_distance(first, second),
        geometry.relative_distance_matrix(stacked)[rows, columns],
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        geometry.paired_cosine(first, second), geometry.cosine_matrix(stacked)[rows, columns], atol=1e-12
    )


def test_measurable_vectors():
    w = vectors(3)
    w[1, 7] = np.nan
    assert geometry.measurable_vectors(w).tolist() == [True, False, True]
    w = w.astype(np.float64)
    w[2, 3] = -1.1e70
    assert geometry.measurable_vectors(w).tolist() == [True, False, False]


def test_blocks_change_nothing(monkeypatch):
    w = vectors()
    whole = geometry.squared_distances(w), geometry.squared_norms(w)
    monkeypatch.setattr(
        geometry, "blocks", lambda total, *, bytes_each, limit=0: (slice(i, i + 10) for i in range(0, total, 10))
    )
    np.testing.assert_allclose(geometry.squared_distances(w), whole[0], rtol=1e-13)
    np.testing.assert_allclose(geometry.squared_norms(w), whole[1], rtol=1e-13)


def direct(w):
    """Every difference, in float64."""
    a = w.astype(np.float64)
    return np.square(a[:, None] - a).sum(axis=-1)


@pytest.fixture
def _many(monkeypatch):
    """Every number of differences is a large one."""
    monkeypatch.setattr(geometry, "MOST_DIRECT", 0)


def clouds(spread, n_runs=40):
    """Runs around two centers that are far apart, two of them identical."""
    w = vectors(2).repeat(n_runs // 2, axis=0) + np.float32(spread) * vectors(n_runs, seed=1)
    w[7] = w[3]
    return w


@pytest.mark.usefixtures("_many")
@pytest.mark.parametrize("spread", [3.0, 0.3, 0.1, 1e-2, 1e-5, 0.0])
@pytest.mark.parametrize("most_near", [0.25, 1.1])
def test_distances_from_products_are_those_of_the_differences(spread, most_near, monkeypatch):
    """Near pairs in all numbers: none but the identical one, some, all within a cloud, with and without the way out."""
    monkeypatch.setattr(geometry, "MOST_NEAR", most_near)
    w = clouds(spread)
    found = geometry.squared_distances(w)
    np.testing.assert_allclose(found, direct(w), rtol=1e-12)
    assert (found == found.T).all()
    assert found[3, 7] == 0.0 == np.abs(np.diag(found)).max()


@pytest.mark.usefixtures("_many")
def test_a_common_start_far_away_costs_no_digits():
    w = vectors(1, seed=5) * np.float32(1e4) + vectors(30)
    np.testing.assert_allclose(geometry.squared_distances(w), direct(w), rtol=1e-12)
    found, near = geometry._from_products(w)
    assert not np.concatenate(near).size, "this was formed of differences, and says nothing"
    np.testing.assert_allclose(found, direct(w), rtol=1e-12)


@pytest.mark.usefixtures("_many")
def test_one_unit_in_the_last_place_is_seen_among_many_runs():
    w = vectors(30, 2_000)
    moved = w[:1].copy()
    moved[0, 5] = np.nextafter(w[0, 5], np.float32(np.inf))
    found = geometry.squared_distances(np.concatenate([w, moved]))
    assert found[0, 30] == (float(moved[0, 5]) - float(w[0, 5])) ** 2 > 0
