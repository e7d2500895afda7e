"""Convolutions as static slices, one concatenation and one matrix product, with channels first and examples last.

Inside a compiled loop XLA's CPU convolution falls to a naive path, and under `vmap` a native convolution becomes
a grouped one; a matrix product stays a (batched) matrix product everywhere. With activations [C, *space, B] a slice is
long runs of numbers and the product has few rows and many columns: on a CPU the MNIST-1D network trains in three
quarters of the time that it takes with channels last, where the pieces are as short as there are channels, and larger
ones in nine tenths. Channels-first activations are channels-last ones with the first and the last axis swapped:
`swapped` goes either way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax


def swapped(x: jax.Array) -> jax.Array:
    """[B, *space, C] as [C, *space, B], and back."""
    return jnp.swapaxes(x, 0, -1)


def convolution_by_matmul(
    inputs: jax.Array,
    kernel: jax.Array,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    *,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> jax.Array:
    """Channels-first convolution, equal to `jax.lax.conv_general_dilated` up to rounding.

    Args:
        inputs: [C, *space, B].
        kernel: [*window, C, O].
        window_strides: One stride per spatial axis.
        padding: `"SAME"`, `"VALID"` or (low, high) per spatial axis.
        precision, preferred_element_type: Handed to the matrix product.

    Returns:
        [O, *space, B].
    """
    window, features = kernel.shape[:-2], kernel.shape[-1]
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(inputs.shape[1:-1], window, window_strides, padding)
    patches = inputs
    for axis in range(len(window), 0, -1):
        patches = _shifts(patches, axis, window[axis - 1], window_strides[axis - 1], padding[axis - 1])
    product = lax.dot_general(
        kernel.reshape(-1, features),
        patches.reshape(math.prod(kernel.shape[:-1]), -1),
        (((0,), (0,)), ((), ())),
        precision=precision,
        preferred_element_type=preferred_element_type,
    )
    return product.reshape(features, *patches.shape[1:])


def _shifts(x: jax.Array, axis: int, window: int, stride: int, pads: tuple[int, int]) -> jax.Array:
    """[C, …] → [window · C, …]: every offset of a window along one axis; of several axes the last comes first."""
    padded = jnp.pad(x, [pads if i == axis else (0, 0) for i in range(x.ndim)])
    count = (padded.shape[axis] - window) // stride + 1
    shifts = [
        lax.slice_in_dim(padded, offset, offset + (count - 1) * stride + 1, stride, axis) for offset in range(window)
    ]
    return jnp.concatenate(shifts) if window > 1 else shifts[0]


class ChannelsFirstConv(nnx.Conv):
    """`flax.nnx.Conv` with the same parameters, for activations [C, *space, B]."""

    def convolved(self, *args: Any, **kinds: Any) -> jax.Array:
        """`convolution_by_matmul` of the same arguments, or what equals it."""
        return convolution_by_matmul(*args, **kinds)

    def __call__(self, inputs: jax.Array, out_sharding: Any = None) -> jax.Array:
        """[C, *space, B] → [O, *space, B].

        Raises:
            ValueError: For a dilated, grouped or masked convolution, which this form does not do.
        """
        rank = inputs.ndim - 2
        dilations = (self.input_dilation, self.kernel_dilation)
        if any(np.any(np.not_equal(d, 1)) for d in dilations if d is not None) or self.feature_group_count != 1:
            raise ValueError("the matmul form does neither dilated nor grouped convolutions: use the native form")
        if self.mask is not None:
            raise ValueError("the matmul form has no masks: use the native form")
        strides, padding = self.strides, self.padding
        inputs, kernel, bias = self.promote_dtype(
            (inputs, self.kernel[...], None if self.bias is None else self.bias[...]), dtype=self.dtype
        )
        outputs = self.convolved(
            inputs,
            kernel,
            (strides,) * rank if isinstance(strides, int) else tuple(strides or (1,) * rank),
            ((padding, padding),) * rank if isinstance(padding, int) else padding,
            precision=self.precision,
            preferred_element_type=self.preferred_element_type,
        )
        return outputs if bias is None else outputs + bias.reshape(-1, *[1] * (rank + 1))


class ChannelsFirstGroupNorm(nnx.GroupNorm):
    """`flax.nnx.GroupNorm` with the same parameters, for activations [C, *space, B]."""

    def __call__(self, x: jax.Array, *, mask: Any = None) -> jax.Array:
        """[C, *space, B], normalized over space and the channels of a group; moments in float32 at least.

        Moments are added up over space first, and a channel of an example has one mean and one factor: forward and
        backward every array is then gone through fewer times, in two thirds of the time on a CPU.
        """
        assert self.scale is not None
        assert self.bias is not None
        x, scale, bias = self.promote_dtype((x, self.scale[...], self.bias[...]), dtype=self.dtype)
        values = x.astype(jnp.promote_types(jnp.float32, x.dtype)).reshape(len(x), -1, x.shape[-1])
        mean, square = self._over_groups(values.mean(1)), self._over_groups((values**2).mean(1))
        factor = lax.rsqrt(jnp.maximum(0.0, square - mean**2) + self.epsilon) * scale.reshape(-1, 1)
        normal = (values - mean[:, None]) * factor[:, None] + bias.reshape(-1, 1, 1)
        return normal.reshape(x.shape).astype(x.dtype)

    def _over_groups(self, moments: jax.Array) -> jax.Array:
        """Means over the channels of a group, for each of its channels: [C, B] → [C, B]."""
        grouped = moments.reshape(self.num_groups, -1, moments.shape[-1])
        return jnp.broadcast_to(grouped.mean(1, keepdims=True), grouped.shape).reshape(moments.shape)
