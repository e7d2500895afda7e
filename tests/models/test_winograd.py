"""Winograd's form of a convolution against XLA's own: values, gradients and second derivatives in double precision."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from varbench.models import Options, build
from varbench.models.convolution import ChannelsFirstConv, convolution_by_matmul
from varbench.models.winograd import (
    FEWEST_CHANNELS,
    OF_INPUTS,
    OF_KERNEL,
    TO_OUTPUTS,
    WinogradConv,
    convolution_by_winograd,
    tiled_convolution,
)

from .conftest import QUICK

FEW = FEWEST_CHANNELS


def native(x, kernel):
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("CHWN", "HWIO", "CHWN"))


def assert_equal_but_for_rounding(found, expected, *, units=100):
    """Within so many units in the last place of the largest value: 23 were seen, and a wrong index is 1e6 off."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    error = np.abs(found - expected).max() / np.abs(expected).max() / np.finfo(expected.dtype).eps
    assert error <= units


def drawn(*shapes, seed=0, dtype=None):
    generator = np.random.default_rng(seed)
    return tuple(jnp.asarray(generator.normal(size=shape), dtype) for shape in shapes)


def test_the_transforms_convolve_a_line():
    """F(4, 3): four outputs of six inputs and three weights by six products, in exact arithmetic of small integers."""
    of_inputs, of_kernel, to_outputs = (np.array(matrix) for matrix in (OF_INPUTS, OF_KERNEL, TO_OUTPUTS))
    line, window = np.array([3.0, -1, 4, 1, -5, 9]), np.array([1.0, -2, 3])
    products = (of_inputs @ line) * (24 * of_kernel @ window)
    assert products.shape == (6,)
    np.testing.assert_array_equal(to_outputs @ products, 24 * np.correlate(line, window))


@settings(max_examples=10)
@given(st.tuples(*[st.integers(1, 3)] * 5), st.integers(0, 2**16))
def test_it_is_the_native_form_with_its_gradients(sizes, seed):
    height, width, batch, channels, features = sizes
    shapes = (channels, 4 * height, 4 * width, batch), (3, 3, channels, features)
    with jax.enable_x64(True):
        x, kernel, cotangent = drawn(*shapes, (features, *shapes[0][1:]), seed=seed)

        def with_gradients(x, kernel):
            values = []
            for form in (native, tiled_convolution):
                output, pull_back = jax.vjp(form, x, kernel)
                values.append((output, *pull_back(cotangent)))
            return values

        expected, found = jax.jit(with_gradients, compiler_options=QUICK)(x, kernel)
        assert found[0].dtype == jnp.float64
        for ours, theirs in zip(found, expected, strict=True):
            # Sums of few terms may cancel in some of the shapes drawn.
            assert_equal_but_for_rounding(ours, theirs, units=1_000)


def test_products_of_the_hessian_are_those_of_the_native_form():
    """Forward over reverse, as the curvature probes take them; and batched, as runs are."""
    with jax.enable_x64(True):
        x, *kernels = drawn((2, 8, 4, 3), *[(3, 3, 2, 2)] * 4)

        def product(form):
            def loss(kernel):
                return (jnp.tanh(form(jnp.tanh(form(x, kernel)), kernel)) ** 2).sum()

            return lambda kernel, along: jax.jvp(jax.grad(loss), (kernel,), (along,))[1]

        at, along = jnp.stack(kernels[:2]), jnp.stack(kernels[2:])
        found, expected = (jax.jit(jax.vmap(product(form)))(at, along) for form in (tiled_convolution, native))
        assert np.abs(expected).min() > 1e-6
        # Two layers, derived twice: 216 were seen.
        assert_equal_but_for_rounding(found, expected, units=1_000)


def test_rounding_is_some_ten_times_as_coarse_and_no_more():
    x, kernel = (np.asarray(value, np.float32) for value in drawn((16, 32, 32, 4), (3, 3, 16, 16)))
    with jax.enable_x64(True):
        exact = np.asarray(native(jnp.asarray(x, jnp.float64), jnp.asarray(kernel, jnp.float64)))
    assert exact.dtype == np.float64
    coarse, fine = (
        np.sqrt(np.mean((np.asarray(form(jnp.asarray(x), jnp.asarray(kernel), (1, 1), "SAME")) - exact) ** 2))
        for form in (convolution_by_winograd, convolution_by_matmul)
    )
    assert 2 * fine < coarse < 20 * fine
    assert coarse < 5e-6 * np.std(exact)


@pytest.mark.parametrize(
    ("given", "pays"),
    [
        ({}, True),
        ({"padding": [(1, 1), (1, 1)]}, True),
        ({"shape": (FEW, 7, 8, 2)}, True),
        ({"dtype": jnp.float64}, True),
        ({"padding": "VALID"}, False),
        ({"padding": [(0, 2), (1, 1)]}, False),
        ({"strides": (2, 2)}, False),
        ({"shape": (FEW - 1, 8, 8, 2), "kernel": (3, 3, FEW - 1, FEW)}, False),
        ({"kernel": (3, 3, FEW, FEW - 1)}, False),
        ({"kernel": (5, 3, FEW, FEW)}, False),
        ({"kernel": (1, 1, FEW, FEW)}, False),
        ({"shape": (FEW, 5, 8, 2)}, False),
        ({"dtype": jnp.bfloat16}, False),
        ({"precision": lax.Precision.HIGHEST}, False),
        ({"shape": (FEW, 8, 2), "kernel": (3, FEW, FEW), "strides": (1,)}, False),
    ],
    ids=str,
)
def test_it_is_used_where_it_pays_and_always_equals_the_matmul_form(given, pays):
    options = {"shape": (FEW, 8, 8, 2), "kernel": (3, 3, FEW, FEW), "strides": (1, 1), "padding": "SAME", **given}
    dtype = options.pop("dtype", jnp.float32)
    with jax.enable_x64(dtype == jnp.float64):
        x, kernel = (value.astype(dtype) for value in drawn(options.pop("shape"), options.pop("kernel")))
        rest = options.pop("strides"), options.pop("padding")
        program = str(jax.make_jaxpr(lambda x, k: convolution_by_winograd(x, k, *rest, **options))(x, kernel))
        assert ("custom_vjp" in program) == pays
        found, expected = (
            form(x, kernel, *rest, **options) for form in (convolution_by_winograd, convolution_by_matmul)
        )
        if pays:
            assert_equal_but_for_rounding(found, expected)
        else:
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(FEW, 7, 8, 2), (FEW, 8, 7, 2)])
def test_height_and_width_need_no_multiple_of_the_tile(shape):
    """What is filled up with zeros is cut off again, in the gradients too."""
    with jax.enable_x64(True):
        x, kernel, cotangent = drawn(shape, (3, 3, FEW, FEW), shape)
        (found, ours), (expected, theirs) = (
            jax.vjp(form, x, kernel) for form in (lambda x, k: convolution_by_winograd(x, k, (1, 1), "SAME"), native)
        )
        for one, other in zip((found, *ours(cotangent)), (expected, *theirs(cotangent)), strict=True):
            assert_equal_but_for_rounding(one, other)


def test_the_layer_is_the_matmul_layer_with_the_same_parameters():
    layers = [kind(FEW, FEW, (3, 3), rngs=nnx.Rngs(3)) for kind in (WinogradConv, ChannelsFirstConv)]
    for layer in layers:
        np.testing.assert_array_equal(layer.kernel[...], layers[0].kernel[...])
        layer.bias[...] = jnp.arange(float(FEW))
    (x,) = drawn((FEW, 8, 8, 3), dtype=jnp.float32)
    found, expected = (layer(x) for layer in layers)
    assert_equal_but_for_rounding(found, expected)
    assert np.any(found != expected)


@pytest.mark.parametrize(("form", "times"), [("winograd", 2), ("matmul", 0), ("native", 0)])
def test_the_networks_of_that_form_use_it(form, times):
    """In two of three convolutions: the first has three channels."""
    model = build(Options(model="cnn", shape=(16, 16, 3), classes=5, hidden=(FEW, FEW, FEW), convolution=form))
    params, state = jax.eval_shape(model.init, jax.random.key(0))
    x = jax.ShapeDtypeStruct((2, 16, 16, 3), jnp.float32)
    program = jax.make_jaxpr(lambda p, x: model.apply(p, state, x, jax.random.key(0), True)[0])(params, x)
    assert str(program).count("name=tiled_convolution") == times
