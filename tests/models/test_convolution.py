"""The matmul form of a convolution against XLA's own, in double precision."""

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
from varbench.models.convolution import ChannelsFirstConv, ChannelsFirstGroupNorm, convolution_by_matmul, swapped

from .conftest import QUICK

LAYOUTS = {1: ("CWN", "WIO", "CWN"), 2: ("CHWN", "HWIO", "CHWN")}


@st.composite
def convolutions(draw):
    """Shapes, strides and padding of a convolution whose output has at least one place."""
    rank = draw(st.sampled_from([1, 2]))
    axes = [
        {
            "window": (window := draw(st.integers(1, 3))),
            "length": draw(st.integers(window, 6)),
            "stride": draw(st.integers(1, 3)),
            "pads": draw(st.tuples(st.integers(0, 2), st.integers(0, 2))),
        }
        for _ in range(rank)
    ]
    padding = draw(st.sampled_from(["SAME", "VALID", None])) or [axis["pads"] for axis in axes]
    batch, channels, features = (draw(st.integers(1, 3)) for _ in range(3))
    return (
        (channels, *(axis["length"] for axis in axes), batch),
        (*(axis["window"] for axis in axes), channels, features),
        tuple(axis["stride"] for axis in axes),
        padding,
    )


@settings(max_examples=15)
@given(convolutions(), st.integers(0, 2**16))
def test_the_matmul_form_is_the_native_form_with_its_gradients(convolution, seed):
    shape, kernel_shape, strides, padding = convolution
    generator = np.random.default_rng(seed)
    with jax.enable_x64(True):
        x, kernel = jnp.asarray(generator.normal(size=shape)), jnp.asarray(generator.normal(size=kernel_shape))

        def native(x, kernel):
            layout = LAYOUTS[len(strides)]
            return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=layout)

        def matmul(x, kernel):
            return convolution_by_matmul(x, kernel, strides, padding)

        def with_gradients(x, kernel, cotangent):
            values = []
            for form in (native, matmul):
                output, pull_back = jax.vjp(form, x, kernel)
                values.append((output, *pull_back(cotangent.reshape(output.shape))))
            return values

        cotangent = jnp.asarray(generator.normal(size=jax.eval_shape(native, x, kernel).size))
        expected, found = jax.jit(with_gradients, compiler_options=QUICK)(x, kernel, cotangent)
        assert found[0].dtype == jnp.float64
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_a_convolution_worked_by_hand():
    """[1, 2, 3, 4] with the window [1, 10] and stride 2: 1 + 20 and 3 + 40."""
    x, kernel = jnp.array([1.0, 2, 3, 4]).reshape(1, 4, 1), jnp.array([1.0, 10]).reshape(2, 1, 1)
    np.testing.assert_array_equal(convolution_by_matmul(x, kernel, (2,), "VALID").ravel(), [21, 43])


@pytest.mark.parametrize(
    "options",
    [{"input_dilation": 2}, {"kernel_dilation": (1, 2)}, {"feature_group_count": 2}, {"mask": jnp.ones((3, 3, 2, 4))}],
    ids=str,
)
def test_what_the_matmul_form_does_not_do_is_refused(options):
    layer = ChannelsFirstConv(2, 4, (3, 3), **options, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="use the native form"):
        layer(jnp.ones((2, 6, 6, 1)))


def test_ones_that_are_spelled_out_are_no_dilation():
    layer = ChannelsFirstConv(2, 5, (3, 3), input_dilation=(1, 1), kernel_dilation=1, padding="VALID", rngs=nnx.Rngs(0))
    layer.kernel[...] = jnp.ones_like(layer.kernel[...])
    np.testing.assert_array_equal(layer(jnp.ones((2, 4, 4, 1))), np.full((5, 2, 2, 1), 18.0))


def test_swapping_goes_either_way():
    x = jnp.arange(24.0).reshape(2, 3, 1, 4)
    assert swapped(x).shape == (4, 3, 1, 2)
    np.testing.assert_array_equal(swapped(swapped(x)), x)
    assert swapped(x)[3, 2, 0, 1] == x[1, 2, 0, 3]


OPTIONS = [
    {"strides": 2, "padding": 1},
    {"strides": (2, 1), "padding": "VALID"},
    {"padding": ((0, 2), (1, 0))},
    {"use_bias": False},
    {"dtype": jnp.bfloat16},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_layer_is_that_of_flax_with_the_same_parameters(options):
    layers = [kind(2, 5, (3, 2), **options, rngs=nnx.Rngs(3)) for kind in (nnx.Conv, ChannelsFirstConv)]
    for layer in layers:
        np.testing.assert_array_equal(layer.kernel[...], layers[0].kernel[...])
        if layer.bias is not None:
            layer.bias[...] = jnp.arange(5.0)
    x = jax.random.normal(jax.random.key(0), (4, 6, 7, 2))
    expected, found = layers[0](x), swapped(layers[1](swapped(x)))
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    tolerance = 2e-2 if found.dtype == jnp.bfloat16 else 1e-5
    np.testing.assert_allclose(*(np.asarray(v, np.float32) for v in (found, expected)), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("space", [(5,), (4, 3)])
@pytest.mark.parametrize("dtype", [None, jnp.bfloat16])
def test_group_normalization_is_that_of_flax_with_the_same_parameters(space, dtype):
    layers = [kind(8, num_groups=4, dtype=dtype, rngs=nnx.Rngs(0)) for kind in (nnx.GroupNorm, ChannelsFirstGroupNorm)]
    for layer in layers:
        layer.scale[...], layer.bias[...] = 1 + jnp.arange(8.0), jnp.arange(8.0) / 7
    spread = np.arange(1, 9, dtype=np.float32)
    mean = 30 if dtype else 3  # in half precision squares of 900 would have a variance of noise
    x = jnp.asarray(mean + np.random.default_rng(0).normal(size=(6, *space, 8)).astype(np.float32) * spread)
    expected, found = layers[0](x), swapped(layers[1](swapped(x)))
    assert found.dtype == expected.dtype
    tolerance = 5e-2 if dtype else 1e-5
    np.testing.assert_allclose(*(np.asarray(v, np.float32) for v in (found, expected)), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("value", [0.0, 0.3, 57.7, 777.7])
def test_group_normalization_of_what_is_constant_is_its_bias(value):
    """Rounding of E[x²] − E[x]² may be negative; that of the mean, a few units, is multiplied by 1 / √ε."""
    layer = ChannelsFirstGroupNorm(8, num_groups=4, epsilon=1e-6, rngs=nnx.Rngs(0))
    layer.bias[...] = jnp.arange(8.0)
    found = layer(jnp.full((8, 4, 3, 5), value))
    expected = np.broadcast_to(np.arange(8.0)[:, None, None, None], found.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=4 * np.finfo(np.float32).eps * (value / 1e-3 + 8))


def test_gradients_of_group_normalization_are_those_of_flax():
    with jax.enable_x64(True):
        kinds = (nnx.GroupNorm, ChannelsFirstGroupNorm)
        layers = [kind(6, num_groups=3, param_dtype=jnp.float64, epsilon=0.1, rngs=nnx.Rngs(0)) for kind in kinds]
        for layer in layers:
            layer.scale[...], layer.bias[...] = 1 + jnp.arange(6.0), jnp.arange(6.0) / 7
        draw = np.random.default_rng(0).normal
        x, towards = (jnp.asarray(draw(size=(5, 4, 3, 6)) * (1 + np.arange(6.0)) + 2) for _ in range(2))

        def score(layer, x, swap):
            return (swap(layer(swap(x))) ** 2 * towards).sum()

        expected, found = (
            nnx.grad(score, argnums=(0, 1))(layer, x, swap)
            for layer, swap in zip(layers, (lambda x: x, swapped), strict=True)
        )
        for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
            rounding = np.finfo(np.float64).eps * np.abs(other).max()  # 1.3 of these were seen
            np.testing.assert_allclose(one, other, rtol=0, atol=10 * rounding)


def test_group_normalization_keeps_float64():
    with jax.enable_x64(True):
        layer = ChannelsFirstGroupNorm(4, num_groups=2, param_dtype=jnp.float64, epsilon=0.0, rngs=nnx.Rngs(0))
        x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 5, 3)))
        moments = layer(x).reshape(2, 2, 5, 3)
        np.testing.assert_allclose(moments.mean((1, 2)), 0.0, atol=1e-14)
        np.testing.assert_allclose((moments**2).mean((1, 2)), 1.0, rtol=1e-13)


@pytest.mark.parametrize("form", ["matmul", "winograd"])
@pytest.mark.parametrize(
    "options",
    [
        {"model": "mnist1d-cnn", "shape": (40,)},
        {"model": "cnn", "shape": (9, 8, 3)},
        {"model": "resnet", "shape": (8, 8, 1)},
        {"model": "resnet", "shape": (8, 8, 1), "norm": "batch"},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_both_layouts_of_a_network_are_one_network(options, form):
    """Initial weights to the bit; outputs, batch statistics, gradients and activations but for rounding.

    In float64, of which outputs and activations are handed out in float32.
    """
    native, other = (build(Options(classes=10, convolution=name, **options)) for name in ("native", form))
    jax.tree.map(np.testing.assert_array_equal, *(model.init(jax.random.key(0)) for model in (native, other)))
    with jax.enable_x64(True):
        ours, theirs = (_told(model, options["shape"]) for model in (other, native))
    assert list(ours[2]) == list(theirs[2])
    for found, expected in zip(*(map(np.asarray, jax.tree.leaves(told)) for told in (ours, theirs)), strict=True):
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def _told(model, shape):
    """Gradients, then logits and batch statistics, then activations."""
    wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), model.init(jax.random.key(0)))
    x = jnp.asarray(np.random.default_rng(1).normal(size=(6, *shape)))

    def of(params, state):
        def loss(params):
            logits, after = model.apply(params, state, x, jax.random.key(2), True)
            return (logits**2).sum(), (logits, after)

        (_, told), gradient = jax.value_and_grad(loss, has_aux=True)(params)
        return gradient, told, dict(model.activations(params, state, x))

    return jax.jit(of, compiler_options=QUICK)(*wide)
