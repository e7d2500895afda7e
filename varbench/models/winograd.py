"""3×3 convolutions by Winograd's minimal filtering: a quarter of the multiplications, for a few more additions.

Of every 6 × 6 window of the inputs, four apart, and of the kernel the 36 values of a transform are taken; products of
these are summed over channels, which is 36 matrix products, and a third transform makes 4 × 4 outputs of them. Where
a matrix product has as few rows as a network of this size has channels, what it costs is to read its patches: nine
values for each of the inputs, and here two and a quarter. For inputs of one size rounding is some ten times as coarse
as that of the direct sum, for the transforms multiply by up to 8; it goes by the largest value of a tile, and a value
that is not finite spreads over the outputs of its tiles.

Each transform is written out along one axis and then along the other, and the compiler is kept from making one of
both: in one it computes every value of the first anew for all that read it.

Source: Lavin and Gray 2016, arXiv 1509.09308, F(4×4, 3×3) with the points 0, ±1, ±2 and ∞.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from varbench.models.convolution import ChannelsFirstConv, convolution_by_matmul

Matrix = tuple[tuple[float, ...], ...]

OUTPUTS, WINDOW = 4, 6
"""Outputs of a tile along one axis, and the inputs that they depend on."""

OF_INPUTS: Matrix = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
OF_KERNEL: Matrix = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
TO_OUTPUTS: Matrix = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)
"""The transforms Bᵀ, G and Aᵀ of the source."""

FEWEST_CHANNELS = 8
"""With fewer channels, such as the colours of an image, the transforms take longer than what they save."""

MOST_FILLED = 1.5
"""More than so many times the area, once height and width are filled up to multiples of `OUTPUTS`, costs it again."""


class WinogradConv(ChannelsFirstConv):
    """`ChannelsFirstConv`, by minimal filtering where that pays."""

    def convolved(self, *args: Any, **kinds: Any) -> jax.Array:
        """As `ChannelsFirstConv.convolved`."""
        return convolution_by_winograd(*args, **kinds)


def convolution_by_winograd(
    inputs: jax.Array,
    kernel: jax.Array,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    **kinds: Any,
) -> jax.Array:
    """`convolution_by_matmul`, by minimal filtering where that pays.

    That is for 3 × 3 windows of stride one with a border of zeros, float32 or wider, at least `FEWEST_CHANNELS` on
    either side, and height and width that need not be filled up much.
    """
    space = inputs.shape[1:-1]
    more = [-size % OUTPUTS for size in space]
    pays = (
        kernel.shape[:-2] == (3, 3)
        and tuple(window_strides) == (1, 1)
        and (padding == "SAME" or tuple(map(tuple, padding)) == ((1, 1), (1, 1)))
        and min(kernel.shape[-2:]) >= FEWEST_CHANNELS
        and math.prod(map(operator.add, space, more)) <= MOST_FILLED * math.prod(space)
        and jnp.finfo(inputs.dtype).bits >= 32
        and not any(kinds.values())
    )
    if not pays:
        return convolution_by_matmul(inputs, kernel, window_strides, padding, **kinds)
    filled = jnp.pad(inputs, [(0, 0), *((0, size) for size in more), (0, 0)])
    return tiled_convolution(filled, kernel)[:, : space[0], : space[1]]


@jax.custom_vjp
def tiled_convolution(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolution of stride one with a border of zeros, equal to `jax.lax.conv_general_dilated` up to rounding.

    Its gradient is the same algorithm run backwards, for the one that is derived from slices adds up arrays full of
    zeros. There is none in forward mode (`jax.jvp`), but of the gradient there is.

    Args:
        inputs: [C, H, W, B], H and W multiples of `OUTPUTS`.
        kernel: [3, 3, C, O].

    Returns:
        [O, H, W, B].
    """
    return _forward(inputs, kernel)[0]


def _forward(inputs: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    windows, filters = _of_windows(inputs), _of_kernel(kernel)
    # Contracted along their last axis: otherwise XLA takes another kernel, and half as long again.
    rows = lax.optimization_barrier(filters.swapaxes(1, 2))
    products = lax.dot_general(rows, windows, (((2,), (1,)), ((0,), (0,))))
    return _to_outputs(products, (kernel.shape[-1], *inputs.shape[1:])), (windows, filters)


def _backward(kept: tuple[jax.Array, jax.Array], outputs: jax.Array) -> tuple[jax.Array, jax.Array]:
    windows, filters = kept
    products = _from_outputs(outputs)
    of_filters = lax.dot_general(windows, products, (((2,), (2,)), ((0,), (0,))))
    of_windows = lax.dot_general(filters, products, (((2,), (1,)), ((0,), (0,))))
    return _from_windows(of_windows, (filters.shape[1], *outputs.shape[1:])), _from_kernel(of_filters)


tiled_convolution.defvjp(_forward, _backward)


def _of_windows(x: jax.Array) -> jax.Array:
    """[C, H, W, B] → [36, C, tiles · B]."""
    framed = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows = _combined(OF_INPUTS, _every_fourth(framed, 1, WINDOW))
    return _combined(OF_INPUTS, _every_fourth(rows, 3, WINDOW)).reshape(WINDOW**2, x.shape[0], -1)


def _from_windows(v: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """The transpose of `_of_windows`: windows overlap, and what lies in two of them is the sum."""
    channels, height, width, batch = shape
    tiles = v.reshape(WINDOW, WINDOW, channels, height // OUTPUTS, width // OUTPUTS, batch)
    rows = _interleaved(_overlapped(_each(_transposed(OF_INPUTS), tiles), 3), 3)
    return _interleaved(_overlapped(_each(_transposed(OF_INPUTS), rows), 1), 1)


def _of_kernel(kernel: jax.Array) -> jax.Array:
    """[3, 3, C, O] → [36, C, O]."""
    rows = _combined(OF_KERNEL, kernel)
    return _combined(OF_KERNEL, jnp.moveaxis(rows, 1, 0)).reshape(WINDOW**2, *kernel.shape[2:])


def _from_kernel(u: jax.Array) -> jax.Array:
    """The transpose of `_of_kernel`."""
    columns = _combined(_transposed(OF_KERNEL), u.reshape(WINDOW, WINDOW, *u.shape[1:]))
    return _combined(_transposed(OF_KERNEL), jnp.moveaxis(columns, 1, 0))


def _to_outputs(m: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """[36, O, tiles · B] → [O, H, W, B]."""
    channels, height, width, batch = shape
    tiles = m.reshape(WINDOW, WINDOW, channels, height // OUTPUTS, width // OUTPUTS, batch)
    rows = _interleaved(_each(TO_OUTPUTS, tiles), 3)
    return _interleaved(_each(TO_OUTPUTS, rows), 1)


def _from_outputs(y: jax.Array) -> jax.Array:
    """The transpose of `_to_outputs`."""
    back = _transposed(TO_OUTPUTS)
    rows = _combined(back, _every_fourth(y, 1, OUTPUTS))
    return _combined(back, _every_fourth(rows, 3, OUTPUTS)).reshape(WINDOW**2, y.shape[0], -1)


def _every_fourth(x: jax.Array, axis: int, offsets: int) -> list[jax.Array]:
    """The entries of an axis from each offset on, `OUTPUTS` apart: the first of every tile, the second of each, …"""
    tiles = (x.shape[axis] - offsets) // OUTPUTS + 1
    return [lax.slice_in_dim(x, offset, offset + (tiles - 1) * OUTPUTS + 1, OUTPUTS, axis) for offset in range(offsets)]


def _interleaved(parts: Sequence[jax.Array], axis: int) -> jax.Array:
    """The first entry of every tile, the second of each, … as one axis, `axis` of a part."""
    whole = jnp.stack(parts, axis + 1)
    return lax.optimization_barrier(whole.reshape(*whole.shape[:axis], -1, *whole.shape[axis + 2 :]))


def _overlapped(parts: Sequence[jax.Array], axis: int) -> list[jax.Array]:
    """Sums over windows: from the entries of windows to those of tiles without the border.

    A window begins one entry before its tile and ends one after it, so that the first entry of a tile is also the
    last of the window before, and the last one the first of the window that follows.
    """

    def moved(x: jax.Array, by: int) -> jax.Array:
        return lax.pad(x, jnp.zeros((), x.dtype), [(by, -by, 0) if i == axis else (0, 0, 0) for i in range(x.ndim)])

    first, *inner, last = parts
    return [inner[0] + moved(last, 1), *inner[1:-1], inner[-1] + moved(first, -1)]


def _combined(matrix: Matrix, pieces: Sequence[jax.Array] | jax.Array) -> jax.Array:
    """A matrix times pieces: [rows, …]."""
    return lax.optimization_barrier(jnp.stack(_each(matrix, pieces)))


def _each(matrix: Matrix, pieces: Sequence[jax.Array] | jax.Array) -> list[jax.Array]:
    """A matrix times pieces, row by row; a zero costs nothing."""
    weighed = [[factor * piece for factor, piece in zip(row, pieces, strict=True) if factor] for row in matrix]
    return [reduce(operator.add, terms) for terms in weighed]


def _transposed(matrix: Matrix) -> Matrix:
    return tuple(zip(*matrix, strict=True))
