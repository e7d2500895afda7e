"""Lines and planes through runs: geometry that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from varbench.measures.slices import line, plane_places, plane_points, plane_through, plane_ticks


def runs(seed, size=9):
    return np.random.default_rng(seed).normal(size=(3, size)).astype(np.float32)


@given(st.integers(0, 1000))
def test_the_plane_holds_its_runs_and_keeps_distances(seed):
    weights = runs(seed)
    plane = plane_through(*weights)
    np.testing.assert_allclose(plane_points(plane, plane.places), weights, atol=1e-6)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-9)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        apart = np.linalg.norm(weights[a].astype(float) - weights[b])
        assert np.linalg.norm(plane.places[a] - plane.places[b]) == pytest.approx(apart, rel=1e-9)
    assert plane.places[0].tolist() == [0, 0]
    assert plane.places[1, 1] == 0
    assert plane.places[2, 1] > 0


def test_a_plane_by_hand():
    plane = plane_through(np.array([1.0, 0, 0]), np.array([3.0, 0, 0]), np.array([2.0, 0, 5.0]))
    np.testing.assert_allclose(plane.places, [[0, 0], [2, 0], [1, 5]])
    np.testing.assert_allclose(plane_points(plane, np.array([[0.5, 2.0]])), [[1.5, 0, 2.0]])
    x, y = plane_ticks(plane, points=4, margin=0.25)
    np.testing.assert_allclose(x, np.linspace(-0.5, 2.5, 4))
    np.testing.assert_allclose(y, np.linspace(-1.25, 6.25, 4))


def test_runs_on_one_line_span_no_plane():
    a, b, _ = runs(0)
    assert plane_through(a, a, b) is None
    assert plane_through(a, b, a) is None
    assert plane_through(a, b, (2 * a.astype(float) - b).astype(np.float32)) is None


def test_a_line_passes_through_both_runs_exactly_and_beyond():
    a, b, _ = runs(1)
    points = line(a, b, np.array([0.0, 1.0, 0.5, 2.0]))
    assert points[0].tobytes() == a.tobytes()
    assert points[1].tobytes() == b.tobytes()
    np.testing.assert_allclose(points[2], (a + b) / 2, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(points[3], 2 * b - a, rtol=1e-5, atol=1e-6)


@given(st.integers(0, 1000))
def test_places_are_those_of_points_in_the_plane_and_of_the_nearest_one_for_others(seed):
    weights = runs(seed)
    plane = plane_through(*weights)
    places = np.random.default_rng(seed).normal(size=(4, 2))
    inside = plane_points(plane, places).astype(float)
    np.testing.assert_allclose(plane_places(plane, inside), places, atol=1e-5)
    other = np.random.default_rng(seed + 1).normal(size=inside.shape)
    upright = other - other @ plane.axes.T @ plane.axes
    np.testing.assert_allclose(plane_places(plane, inside + upright), places, atol=1e-5)
