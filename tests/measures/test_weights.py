"""Weight distances against loops, at one unit in the last place, and at the ends of their ranges."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varbench.measures import lengths
from varbench.measures import squared_distances as squares
from varbench.measures import weights as geometry
from varbench.measures.squared_distances import squared_distances


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
    assert squared_distances(both)[0, 1] == step**2 > 0
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
    w[2, 3] = -1.1e300
    assert geometry.measurable_vectors(w).tolist() == [True, False, False]


def exact_length(values):
    """√Σ x² of rational numbers, correct to float64 whatever their size."""
    total = sum(x * x for x in values)
    if not total:
        return 0.0
    shift = (total.numerator.bit_length() - total.denominator.bit_length()) // 2
    return math.ldexp(math.sqrt(total / Fraction(2) ** (2 * shift)), shift)


numbers = st.floats(-10.0, 10.0, allow_subnormal=False).filter(lambda x: x == 0.0 or abs(x) > 1e-3)
scales = st.sampled_from([1e-300, 1e-170, 1e-154, 1e-30, 1.0, 1e30, 1e154, 1e200, 1e298])


@st.composite
def vectors_of_any_size(draw):
    n = draw(st.integers(1, 4))
    return np.array([[draw(numbers) * scale for _ in range(n)] for scale in (draw(scales) for _ in range(3))])


@settings(max_examples=150, deadline=None)
@given(vectors_of_any_size(), st.sampled_from([squares.MOST_DIRECT, 0]))
def test_vectors_of_any_size_have_their_lengths_distances_and_angles(w, most_direct):
    """Against rational arithmetic, by differences and by products."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(squares, "MOST_DIRECT", most_direct)
        # Products keep twelve digits, as they promise.
        check_lengths_and_angles(w, *(1e-15, 1e-13) if most_direct else (1e-12, 1e-12))


def check_lengths_and_angles(w, alike, right):
    rows = [[Fraction(float(x)) for x in row] for row in w]
    exact = [exact_length(row) for row in rows]
    assert lengths.norms(w).tolist() == pytest.approx([math.hypot(*row) for row in w], rel=1e-13)
    assert exact == pytest.approx([math.hypot(*row) for row in w], rel=1e-13)
    gaps, angles, relative = lengths.distances(w), geometry.cosine_matrix(w), geometry.relative_distance_matrix(w)
    pairs = ([0, 1, 2], [1, 2, 0])
    np.testing.assert_allclose(lengths.paired_distances(w[pairs[0]], w[pairs[1]]), gaps[pairs], rtol=alike)
    np.testing.assert_allclose(geometry.paired_cosine(w[pairs[0]], w[pairs[1]]), angles[pairs], atol=1e-12)
    for r, s in zip(*pairs, strict=True):
        gap = exact_length([a - b for a, b in zip(rows[r], rows[s], strict=True)])
        assert gaps[r, s] == pytest.approx(gap, rel=right)
        together = math.hypot(exact[r], exact[s])
        assert relative[r, s] == pytest.approx(gap / together if together else 0.0, rel=1e-12)
        if exact[r] and exact[s]:
            dot = sum(a * b for a, b in zip(rows[r], rows[s], strict=True))
            expected = float(dot / (Fraction(exact[r]) * Fraction(exact[s])))
            assert angles[r, s] == pytest.approx(expected, abs=1e-9)
        else:
            assert np.isnan(angles[r, s])


def test_identical_tiny_weights_are_exactly_zero_apart_and_others_are_not():
    w = np.array([[3e-170, 4e-170]] * 2 + [[3e-170, -4e-170]])
    assert lengths.distances(w)[0].tolist() == [0.0, 0.0, pytest.approx(8e-170, rel=1e-15)]
    assert geometry.cosine_matrix(w)[0].tolist() == [1.0, 1.0, pytest.approx(-7 / 25, rel=1e-12)]
    assert lengths.norms(w).tolist() == pytest.approx([5e-170] * 3, rel=1e-15)
    one_up = w[:1].copy()
    one_up[0, 0] = np.nextafter(one_up[0, 0], 1.0)
    assert geometry.paired_relative_distance(w[:1], one_up)[0] > 0
