"""Convolution as static slices, one concatenation and one matrix product.

Inside a compiled loop XLA's CPU convolution falls to a naive path, and under `vmap` a native convolution becomes
a grouped one; a matrix product stays a (batched) matrix product everywhere. The function has the signature that
`flax.nnx.Conv` passes to its `conv_general_dilated` argument.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def convolution_by_matmul(
    inputs: jax.Array,
    kernel: jax.Array,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    precision: Any = None,
    preferred_element_type: Any = None,
    out_sharding: Any = None,
) -> jax.Array:
    """Channels-last convolution, equal to `jax.lax.conv_general_dilated` up to rounding.

    Args:
        inputs: [B, *space, C].
        kernel: [*window, C, O].
        window_strides: One stride per spatial axis.
        padding: `"SAME"`, `"VALID"` or (low, high) per spatial axis.
        lhs_dilation, rhs_dilation, feature_group_count: Must be 1 everywhere.
        dimension_numbers, out_sharding: Ignored; channels last is the only layout.
        precision, preferred_element_type: Handed to the matrix product.

    Returns:
        [B, *space, O].

    Raises:
        ValueError: For a dilated or grouped convolution, which this form does not do.
    """
    dilated = any(d != 1 for dilation in (lhs_dilation, rhs_dilation) if dilation for d in dilation)
    if dilated or feature_group_count != 1:
        raise ValueError("the matmul form does neither dilated nor grouped convolutions: use the native form")
    window, channels, features = kernel.shape[:-2], kernel.shape[-2], kernel.shape[-1]
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(inputs.shape[1:-1], window, window_strides, padding)
    padded = jnp.pad(inputs, [(0, 0), *padding, (0, 0)])
    space = [
        (length - extent) // stride + 1
        for length, extent, stride in zip(padded.shape[1:-1], window, window_strides, strict=True)
    ]
    taps = [
        padded[(slice(None), *_tap(offsets, space, window_strides), slice(None))]
        for offsets in itertools.product(*map(range, window))
    ]
    patches = jnp.concatenate(taps, axis=-1) if len(taps) > 1 else taps[0]
    rows = patches.reshape(-1, len(taps) * channels)
    product = jnp.matmul(
        rows, kernel.reshape(-1, features), precision=precision, preferred_element_type=preferred_element_type
    )
    return product.reshape(inputs.shape[0], *space, features)


def _tap(offsets: Sequence[int], space: Sequence[int], strides: Sequence[int]) -> tuple[slice, ...]:
    return tuple(
        slice(offset, offset + (length - 1) * stride + 1, stride)
        for offset, length, stride in zip(offsets, space, strides, strict=True)
    )
