"""The matmul form of a convolution against XLA's own, in double precision."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from varbench.models.convolution import convolution_by_matmul

from .conftest import QUICK

LAYOUTS = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC")}


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
        (batch, *(axis["length"] for axis in axes), channels),
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


def test_ones_that_are_spelled_out_are_no_dilation():
    x, kernel = jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 2, 5))
    result = convolution_by_matmul(x, kernel, (1, 1), "VALID", (1, 1), (1, 1), None, 1)
    np.testing.assert_array_equal(result, np.full((1, 2, 2, 5), 18.0))


@pytest.mark.parametrize("option", [{"lhs_dilation": (2,)}, {"rhs_dilation": (2,)}, {"feature_group_count": 2}])
def test_dilated_and_grouped_convolutions_are_refused(option):
    with pytest.raises(ValueError, match="neither dilated nor grouped"):
        convolution_by_matmul(jnp.ones((1, 6, 2)), jnp.ones((3, 2, 2)), (1,), "SAME", **option)
