"""What the adapters promise beyond the conformance test: masks, modes, and models of a user's own."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

from varbench.models.adapters import from_linen, from_nnx
from varbench.trees import leaves_by_path

from .cases import UserNnx

WIDTH = 400
ONES = jnp.ones((3, WIDTH))


class NnxMasks(nnx.Module):
    """Shows the masks of two layers of one shape, and of a third that is called twice."""

    def __init__(self, rngs: nnx.Rngs):
        self.pair = nnx.List([nnx.Dropout(0.25, rngs=rngs) for _ in range(2)])
        self.third = nnx.Dropout(0.25, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        layers = (*self.pair, self.third, self.third)
        return jnp.stack([layer(jnp.ones(x.shape)) for layer in layers], axis=-1)


class LinenMasks(linen.Module):
    @linen.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        third = linen.Dropout(0.25, deterministic=not train)
        layers = (*[linen.Dropout(0.25, deterministic=not train) for _ in range(2)], third, third)
        drawn = [layer(jnp.ones(x.shape)) for layer in layers]
        return jnp.stack(drawn, axis=-1) + 0 * linen.Dense(1)(x)[..., None]


@pytest.fixture(scope="module", params=["nnx", "linen"])
def masks(request):
    """`(key, train) -> [B, WIDTH, 4]`"""
    model = from_nnx(NnxMasks) if request.param == "nnx" else from_linen(LinenMasks(), ONES)
    params, state = model.init(jax.random.key(0))
    return lambda key, train: np.asarray(model.apply(params, state, ONES, jax.random.key(key), train)[0])


def agreement(a, b):
    return np.mean((a > 0) == (b > 0))


def test_no_two_dropout_layers_share_a_mask(masks):
    """Two masks at rate 1/4 that know nothing of each other agree in 10 of 16 units."""
    drawn = masks(5, True)
    assert set(np.unique(drawn)) == {0.0, np.float32(1 / 0.75)}
    assert np.mean(drawn == 0) == pytest.approx(0.25, abs=0.03)
    for one in range(4):
        for other in range(one):
            assert agreement(drawn[..., one], drawn[..., other]) == pytest.approx(10 / 16, abs=0.06)
    assert agreement(drawn[0], drawn[1]) == pytest.approx(10 / 16, abs=0.06), "two examples share a mask"


def test_masks_follow_the_key_and_nothing_else(masks):
    np.testing.assert_array_equal(masks(5, True), masks(5, True))
    assert agreement(masks(5, True), masks(6, True)) == pytest.approx(10 / 16, abs=0.04)


def test_nothing_is_dropped_in_evaluation(masks):
    np.testing.assert_array_equal(masks(5, False), np.ones((3, WIDTH, 4)))


def test_applying_leaves_no_trace_in_the_model():
    model = from_nnx(UserNnx)
    params, state = model.init(jax.random.key(0))
    x, key = jnp.ones((2, 7)), jax.random.key(1)
    first, after = model.apply(params, state, x, key, True)
    model.apply(params, after, x, jax.random.key(2), True)
    model.apply(params, state, x, jax.random.key(2), False)
    model.init(jax.random.key(3))
    np.testing.assert_array_equal(first, model.apply(params, state, x, key, True)[0])


def test_batch_statistics_of_linen_follow_their_definition():
    class Norm(linen.Module):
        @linen.compact
        def __call__(self, x: jax.Array, train: bool) -> jax.Array:
            return linen.BatchNorm(use_running_average=not train, momentum=0.9)(x)

    x = jnp.array([[1.0, 2.0], [3.0, 6.0]])
    model = from_linen(Norm(), x)
    params, state = model.init(jax.random.key(0))
    _, after = model.apply(params, state, x, jax.random.key(0), True)
    found = leaves_by_path(after)
    np.testing.assert_allclose(found["batch_stats/BatchNorm_0/mean"], [0.2, 0.4], rtol=1e-6)
    np.testing.assert_allclose(found["batch_stats/BatchNorm_0/var"], [0.9 + 0.1, 0.9 + 0.4], rtol=1e-6)


def test_batch_statistics_of_nnx_follow_their_definition():
    x = jnp.array([[1.0, 2.0], [3.0, 6.0]])
    model = from_nnx(lambda rngs: nnx.BatchNorm(2, momentum=0.9, rngs=rngs))
    params, state = model.init(jax.random.key(0))
    _, after = model.apply(params, state, x, jax.random.key(0), True)
    np.testing.assert_allclose(leaves_by_path(after)["mean"], [0.2, 0.4], rtol=1e-6)
    np.testing.assert_allclose(leaves_by_path(after)["var"], [0.9 + 0.1, 0.9 + 0.4], rtol=1e-6)
