"""The count sketch: linear, and unbiased in squared distances within its stated error."""

from __future__ import annotations

import numpy as np
import pytest

from varbench.store.sketch import SKETCH_SIZE, count_sketch


def draws(runs, parameters, seed=0):
    return np.random.default_rng(seed).normal(size=(runs, parameters)).astype(np.float32)


def squared(differences):
    return np.sum(differences.astype(np.float64) ** 2, axis=1)


def test_equal_weights_have_equal_sketches_whoever_stands_beside_them():
    weights = draws(3, 5000)
    sketches = count_sketch(weights)
    assert sketches.shape == (3, SKETCH_SIZE)
    assert sketches.dtype == np.float32
    np.testing.assert_array_equal(sketches[1:2], count_sketch(weights[1:2]))
    np.testing.assert_array_equal(sketches, count_sketch(weights.copy()))


def test_the_sketch_is_what_it_always_was():
    """Populations that were trained by different versions are compared: the buckets and signs must not move."""
    sketch = count_sketch(np.arange(1.0, 7.0, dtype=np.float32)[None], size=4)
    np.testing.assert_array_equal(sketch, [[-4.0, -1.0, -8.0, -4.0]])


def test_it_is_linear():
    a, b = draws(2, 3000), draws(2, 3000, seed=1)
    combined = count_sketch(2 * a - 3 * b, size=64)
    np.testing.assert_allclose(combined, 2 * count_sketch(a, size=64) - 3 * count_sketch(b, size=64), atol=1e-3)


def test_every_parameter_goes_to_one_bucket_with_a_sign():
    sketches = count_sketch(np.eye(200, dtype=np.float32), size=16)
    np.testing.assert_array_equal(np.abs(sketches).sum(axis=1), 1)
    assert {tuple(np.unique(np.abs(row))) for row in sketches} == {(0.0, 1.0)}
    used = np.abs(sketches).sum(axis=0)
    np.testing.assert_allclose(used, 200 / 16, atol=5 * np.sqrt(200 / 16))
    assert abs(sketches.sum()) < 5 * np.sqrt(200)


@pytest.mark.parametrize("size", [256, 4096])
def test_squared_distances_are_unbiased_within_the_stated_error(size):
    """Over many pairs of runs that differ in random directions: mean 1, relative standard error at most √(2/size)."""
    pairs = 300
    differences = draws(pairs, 6000)
    ratio = squared(count_sketch(differences, size=size)) / squared(differences)
    stated = np.sqrt(2 / size)
    assert ratio.std() < 1.2 * stated
    assert ratio.mean() == pytest.approx(1, abs=4 * stated / np.sqrt(pairs))


def test_a_difference_in_one_weight_keeps_its_length_exactly():
    weights = draws(1, 1000)
    other = weights.copy()
    other[0, 17] += 0.5
    sketch = count_sketch(np.concatenate([weights, other]), size=128)
    assert np.linalg.norm(sketch[0] - sketch[1]) == pytest.approx(0.5, rel=1e-5)


def test_what_is_not_finite_stays_not_finite():
    weights = draws(3, 100)
    weights[0, 3], weights[1, 5], weights[2] = np.nan, np.inf, 3e38
    sketch = count_sketch(weights, size=4)
    assert not np.isfinite(sketch).all(axis=1).any()
