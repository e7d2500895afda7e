"""The smallest change: exactly one 32-bit word, by exactly one unit in the last place."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from varbench.training.ulp import moved_by_one_ulp

WEIGHTS = np.random.default_rng(0).normal(size=300).astype(np.float32)
WEIGHTS[::7] = 0.0
GRADIENT = np.random.default_rng(1).normal(size=300).astype(np.float32)
GRADIENT[::5] = 0.0
ELIGIBLE = np.flatnonzero((WEIGHTS != 0) & (GRADIENT != 0))


def words(weights):
    """float32 as integers in which neighbours differ by one."""
    bits = np.asarray(weights).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


@pytest.fixture(scope="module")
def moved():
    """The weights at levels 0 to 199."""
    levels = jnp.arange(200, dtype=jnp.uint32)
    return np.asarray(jax.jit(jax.vmap(lambda k: moved_by_one_ulp(WEIGHTS_J, GRADIENT_J, k)))(levels))


WEIGHTS_J, GRADIENT_J = jnp.asarray(WEIGHTS), jnp.asarray(GRADIENT)


def test_level_zero_touches_nothing(moved):
    np.testing.assert_array_equal(moved[0].view(np.uint32), WEIGHTS.view(np.uint32))


def test_every_other_level_moves_exactly_one_word_by_exactly_one_ulp(moved):
    changed = moved[1:].view(np.uint32) != WEIGHTS.view(np.uint32)
    np.testing.assert_array_equal(changed.sum(axis=1), 1)
    np.testing.assert_array_equal(np.abs(words(moved[1:]) - words(WEIGHTS)).sum(axis=1), 1)


def test_the_word_is_a_weight_that_is_not_zero_and_has_a_gradient(moved):
    chosen = np.argmax(moved[1:] != WEIGHTS, axis=1)
    assert np.isin(chosen, ELIGIBLE).all()


def test_levels_choose_different_weights_and_both_directions(moved):
    chosen = np.argmax(moved[1:] != WEIGHTS, axis=1)
    expected = len(ELIGIBLE) * (1 - (1 - 1 / len(ELIGIBLE)) ** 199)
    assert len(np.unique(chosen)) == pytest.approx(expected, abs=20)
    up = (moved[1:] > WEIGHTS).any(axis=1)
    assert up.sum() == pytest.approx(100, abs=5 * np.sqrt(50))


def test_no_weight_moves_if_none_qualifies():
    for weights, gradient in ((jnp.zeros(4), jnp.ones(4)), (jnp.ones(4), jnp.zeros(4))):
        np.testing.assert_array_equal(moved_by_one_ulp(weights, gradient, jnp.asarray(1)), weights)


normal = st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False).filter(
    lambda x: abs(x) < 3e38
)


@settings(max_examples=60)
@given(hnp.arrays(np.float32, 5, elements=normal), st.integers(1, 2**32 - 1))
def test_one_ulp_is_the_neighbouring_float_for_any_weights(weights, level):
    found = np.asarray(moved_by_one_ulp(jnp.asarray(weights), jnp.ones(5), jnp.asarray(level, jnp.uint32)))
    places = np.flatnonzero(found.view(np.uint32) != weights.view(np.uint32))
    if not weights.any():
        assert len(places) == 0
        return
    (place,) = places
    neighbours = [np.nextafter(weights[place], np.float32(side)) for side in (-np.inf, np.inf)]
    assert found[place] in neighbours
