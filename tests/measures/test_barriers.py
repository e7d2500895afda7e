"""Barriers along planted curves, and the weights on the path."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from varbench.measures import barriers
from varbench.measures.barriers import barrier, excess, path_weights

ALPHAS = np.linspace(0, 1, 25)


def test_a_barrier_is_the_excess_over_the_chord_and_not_the_highest_loss():
    bump = np.maximum(0, 1 - np.abs(ALPHAS - 0.5) / 0.25)
    curves = np.stack([5 - 4 * ALPHAS, 5 - 4 * ALPHAS + 0.5 * bump, 1 + bump, 2 - bump])
    # The highest losses are 5, 5, 2 and 2.
    assert barrier(curves, ALPHAS) == pytest.approx([0, 0.5, 1, 0], abs=1e-12)


def test_of_a_parabola():
    # L = c (α − m)²: the excess is −c α (1 − α), so c < 0 gives a barrier of −c/4 wherever the top lies.
    curves = np.stack([-3.0 * (ALPHAS - m) ** 2 for m in (0.0, 0.5, 2.0)])
    np.testing.assert_allclose(excess(curves, ALPHAS), np.tile(3 * ALPHAS * (1 - ALPHAS), (3, 1)), atol=1e-12)
    assert barrier(curves, ALPHAS) == pytest.approx([0.75] * 3)


@given(arrays(np.float64, (3, 7), elements=st.floats(-10, 10)), st.floats(-5, 5), st.floats(-5, 5))
def test_adding_a_straight_line_changes_nothing_and_a_barrier_is_never_negative(curves, slope, offset):
    alphas = np.linspace(0, 1, 7)
    found = barrier(curves, alphas)
    assert (found >= 0).all()
    np.testing.assert_allclose(barrier(curves + slope * alphas + offset, alphas), found, atol=1e-9)
    np.testing.assert_allclose(barrier(curves[:, ::-1], 1 - alphas[::-1]), found, atol=1e-9)


def test_a_path_that_is_not_finite_has_no_barrier():
    curves = np.zeros((3, 25))
    curves[1, 5], curves[2, 24] = np.inf, np.nan
    found = barrier(curves, ALPHAS)
    assert found[0] == 0
    assert np.isnan(found[1:]).all()


def test_paths_start_and_end_at_the_runs_bit_for_bit_and_are_straight(monkeypatch):
    random = np.random.default_rng(0)
    first, second = (random.normal(size=(5, 11)).astype(np.float32) for _ in range(2))
    monkeypatch.setattr(barriers, "PATH_BYTES", 2 * 25 * 11 * 4)
    parts = list(path_weights(first, second, ALPHAS))
    assert [part for part, _ in parts] == [slice(0, 2), slice(2, 4), slice(4, 5)]
    on_path = np.concatenate([weights for _, weights in parts]).reshape(5, 25, 11)
    np.testing.assert_array_equal(on_path[:, 0], first)
    np.testing.assert_array_equal(on_path[:, -1], second)
    np.testing.assert_allclose(on_path[:, 6], 0.75 * first + 0.25 * second, rtol=1e-5, atol=1e-6)
