"""How activations lie in memory inside a convolutional network, and the layers that go with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
from flax import nnx

from varbench.models.convolution import ChannelsFirstConv, ChannelsFirstGroupNorm, swapped
from varbench.models.options import Options
from varbench.models.recording import Record
from varbench.models.winograd import WinogradConv

CHANNELS_FIRST = {"matmul": ChannelsFirstConv, "winograd": WinogradConv}
"""The layers of the forms whose activations are channels first."""


class Layout(NamedTuple):
    """How activations lie in memory inside a network, and the layers that go with it.

    Attributes:
        conv: Makes a convolution.
        group_norm, batch_norm: Make a normalization.
        swap: From examples first, as data and records have them, and back.
    """

    conv: Callable[..., nnx.Conv]
    group_norm: Callable[..., nnx.GroupNorm]
    batch_norm: Callable[..., nnx.BatchNorm]
    swap: Callable[[jax.Array], jax.Array]

    def recorded(self, record: Record, name: str, h: jax.Array) -> jax.Array:
        """Hand out activations, examples first."""
        return self.swap(record(name, self.swap(h)))


def layout_of(options: Options) -> Layout:
    """The layout of the form of convolutions that is asked for."""
    if options.convolution in CHANNELS_FIRST:
        made: tuple[Any, ...] = (
            CHANNELS_FIRST[options.convolution],
            ChannelsFirstGroupNorm,
            partial(nnx.BatchNorm, axis=0),
        )
        return Layout(*(partial(layer, dtype=options.dtype) for layer in made), swap=swapped)
    made = (nnx.Conv, nnx.GroupNorm, nnx.BatchNorm)
    return Layout(*(partial(layer, dtype=options.dtype) for layer in made), swap=lambda x: x)
