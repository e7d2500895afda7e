"""Convolutional networks: the MNIST-1D paper's CNN, a small 2-D CNN, a CIFAR-size residual network.

Inside, activations are [B, *space, C] where convolutions are native and [C, *space, B] where they are matrix products
(see `convolution` and `winograd`): space is the same axes in both, and `layout` knows the rest.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from varbench.errors import InputError
from varbench.models.adapters import from_nnx
from varbench.models.layout import Layout, layout_of
from varbench.models.model import Model
from varbench.models.options import Options
from varbench.models.recording import Record, unrecorded
from varbench.parameters import PermutationGroup, Slot

GROUPS = 4
"""Groups of the group normalization in the residual network."""


def average_pool(x: jax.Array, window: int) -> jax.Array:
    """Means over non-overlapping windows of [., H, W, .], summed in float32 at least; what is left over is dropped.

    Written as a sum of slices, which becomes one loop together with what comes before it and after it. A mean over two
    axes is a call of its own on a CPU, for which what comes before it is first written to memory, and with it the
    zeros that a rectifier compares with: a training step of a network with two pools took a sixth longer.
    """
    height, width = x.shape[1] // window, x.shape[2] // window
    tiles = x[:, : height * window, : width * window].reshape(x.shape[0], height, window, width, window, x.shape[3])
    at_least_float32 = jnp.promote_types(x.dtype, jnp.float32)
    parts = (tiles[:, :, i, :, j].astype(at_least_float32) for i, j in np.ndindex(window, window))
    return (reduce(operator.add, parts) / window**2).astype(x.dtype)


class _Mnist1dCnn(nnx.Module):
    def __init__(self, options: Options, channels: int, length: int, rngs: nnx.Rngs):
        self.layout = layout_of(options)
        conv = self.layout.conv
        self.conv1 = conv(1, channels, (5,), strides=2, padding=1, rngs=rngs)
        self.conv2 = conv(channels, channels, (3,), strides=2, padding=1, rngs=rngs)
        self.conv3 = conv(channels, channels, (3,), strides=2, padding=1, rngs=rngs)
        self.dropout = nnx.Dropout(options.dropout, rngs=rngs)
        self.linear = nnx.Linear(length * channels, options.classes, dtype=options.dtype, rngs=rngs)

    def __call__(self, x: jax.Array, *, record: Record = unrecorded) -> jax.Array:
        h = self.layout.swap(x.reshape(x.shape[0], -1, 1))
        for i, conv in enumerate((self.conv1, self.conv2, self.conv3), start=1):
            h = self.layout.recorded(record, f"conv{i}", nnx.relu(conv(h)))
        return self.linear(self.dropout(self.layout.swap(h).reshape(x.shape[0], -1)))


class _Cnn(nnx.Module):
    def __init__(self, options: Options, channels: tuple[int, ...], rngs: nnx.Rngs):
        self.layout = layout_of(options)
        conv = self.layout.conv
        sizes = (options.require_image()[2], *channels)
        self.convs = nnx.List([conv(a, b, (3, 3), rngs=rngs) for a, b in itertools.pairwise(sizes)])
        self.dropout = nnx.Dropout(options.dropout, rngs=rngs)
        self.readout = nnx.Linear(sizes[-1], options.classes, dtype=options.dtype, rngs=rngs)

    def __call__(self, x: jax.Array, *, record: Record = unrecorded) -> jax.Array:
        h = self.layout.swap(x)
        for i, conv in enumerate(self.convs):
            h = self.layout.recorded(record, f"convs/{i}", nnx.relu(conv(h)))
            if i + 1 < len(self.convs) and min(h.shape[1:3]) >= 2:
                h = average_pool(h, 2)
        return self.readout(self.dropout(record("pooled", self.layout.swap(h.mean((1, 2))))))


class _Block(nnx.Module):
    def __init__(self, layout: Layout, norm: Callable[..., Any], inputs: int, outputs: int, rngs: nnx.Rngs):
        self.layout = layout
        conv = partial(layout.conv, use_bias=False)
        stride = 1 if inputs == outputs else 2
        self.conv1 = conv(inputs, outputs, (3, 3), strides=stride, padding=1, rngs=rngs)
        self.norm1 = norm(outputs, rngs=rngs)
        self.conv2 = conv(outputs, outputs, (3, 3), padding=1, rngs=rngs)
        self.norm2 = norm(outputs, rngs=rngs)
        if inputs != outputs:
            self.shortcut = conv(inputs, outputs, (1, 1), strides=stride, padding=0, rngs=rngs)
            self.shortcut_norm = norm(outputs, rngs=rngs)
        self.projects = inputs != outputs

    def __call__(self, x: jax.Array, *, name: str = "", record: Record = unrecorded) -> jax.Array:
        h = self.layout.recorded(record, f"{name}/inside", nnx.relu(self.norm1(self.conv1(x))))
        h = self.norm2(self.conv2(h))
        h = nnx.relu(h + (self.shortcut_norm(self.shortcut(x)) if self.projects else x))
        return self.layout.recorded(record, name, h)


class _ResNet(nnx.Module):
    def __init__(self, options: Options, channels: tuple[int, ...], blocks: int, rngs: nnx.Rngs):
        self.layout = layout_of(options)
        norm = _norm(options, self.layout)
        self.stem = self.layout.conv(
            options.require_image()[2], channels[0], (3, 3), padding=1, use_bias=False, rngs=rngs
        )
        self.stem_norm = norm(channels[0], rngs=rngs)
        inputs, layers = channels[0], []
        for outputs in channels:
            for _ in range(blocks):
                layers.append(_Block(self.layout, norm, inputs, outputs, rngs))
                inputs = outputs
        self.blocks = nnx.List(layers)
        self.dropout = nnx.Dropout(options.dropout, rngs=rngs)
        self.readout = nnx.Linear(inputs, options.classes, dtype=options.dtype, rngs=rngs)

    def __call__(self, x: jax.Array, *, record: Record = unrecorded) -> jax.Array:
        h = self.layout.recorded(record, "stem", nnx.relu(self.stem_norm(self.stem(self.layout.swap(x)))))
        for i, block in enumerate(self.blocks):
            h = block(h, name=f"blocks/{i}", record=record)
        return self.readout(self.dropout(record("pooled", self.layout.swap(h.mean((1, 2))))))


def _norm(options: Options, layout: Layout) -> Callable[..., Any]:
    if options.norm == "batch":
        return partial(layout.batch_norm, momentum=0.9)
    return partial(layout.group_norm, num_groups=GROUPS)


def mnist1d_cnn(options: Options) -> Model:
    """The CNN of the MNIST-1D paper: three strided convolutions and a linear readout.

    Source: Greydanus and Kobak 2024, arXiv 2011.14439; 5,210 parameters on MNIST-1D with `hidden` = 25 channels.
    """
    options.refuse("blocks", "norm")
    (channels,) = options.sizes(default=(25,), count=1)
    length = (options.inputs + 2 - 5) // 2 + 1
    for _ in range(2):
        length = (length + 2 - 3) // 2 + 1
    groups = [
        PermutationGroup(
            f"conv{i}",
            channels,
            (
                Slot(f"conv{i}/kernel", 2),
                Slot(f"conv{i}/bias", 0),
                Slot(f"conv{i + 1}/kernel", 1) if i < 3 else Slot("linear/kernel", 0, blocks=length),
            ),
        )
        for i in (1, 2, 3)
    ]
    return from_nnx(
        lambda rngs: _Mnist1dCnn(options, channels, length, rngs), permutations=groups, examplewise=not options.dropout
    )


def cnn(options: Options) -> Model:
    """3×3 convolutions with average pooling between them, a global mean and a linear readout.

    `hidden` are the channels (default 16, 32, 64). For images of any size.
    """
    options.refuse("blocks", "norm")
    options.require_image()
    channels = options.sizes(default=(16, 32, 64))
    groups = []
    for i, units in enumerate(channels):
        following = Slot(f"convs/{i + 1}/kernel", 2) if i + 1 < len(channels) else Slot("readout/kernel", 0)
        groups.append(
            PermutationGroup(f"conv{i}", units, (Slot(f"convs/{i}/kernel", 3), Slot(f"convs/{i}/bias", 0), following))
        )
    return from_nnx(lambda rngs: _Cnn(options, channels, rngs), permutations=groups, examplewise=not options.dropout)


def resnet(options: Options) -> Model:
    """CIFAR-size residual network: a stem, stages of `blocks` basic blocks, a global mean, a linear readout.

    `hidden` are the channels of the stages (default 16, 32, 64), `blocks` per stage default 1 (ResNet-8); 3 gives
    ResNet-20. Normalization by groups of channels, or `norm="batch"`. Shortcuts between stages are 1×1
    convolutions.

    Source: He et al. 2016, arXiv 1512.03385, section 4.2, with projection shortcuts.
    """
    options.require_image()
    channels = options.sizes(default=(16, 32, 64))
    if options.norm not in (None, "group", "batch"):
        raise InputError(f"recipe.norm = {options.norm!r}: resnet knows 'group' and 'batch'")
    if options.norm != "batch" and any(size % GROUPS for size in channels):
        raise InputError(f"recipe.hidden = {list(channels)}: group normalization needs multiples of {GROUPS}")
    if len(set(channels)) != len(channels):
        raise InputError(f"recipe.hidden = {list(channels)}: resnet needs a different number of channels per stage")
    blocks = options.blocks or 1
    groups = _resnet_groups(channels, blocks, batch_norm=options.norm == "batch")
    examplewise = not options.dropout and options.norm != "batch"
    return from_nnx(lambda rngs: _ResNet(options, channels, blocks, rngs), permutations=groups, examplewise=examplewise)


def _resnet_groups(channels: tuple[int, ...], blocks: int, *, batch_norm: bool) -> list[PermutationGroup]:
    cells = 1 if batch_norm else GROUPS

    def norm(path: str) -> list[Slot]:
        slots = [Slot(f"{path}/scale", 0), Slot(f"{path}/bias", 0)]
        if batch_norm:
            slots += [Slot(f"{path}/mean", 0, collection="state"), Slot(f"{path}/var", 0, collection="state")]
        return slots

    groups, stream, inside = [], [Slot("stem/kernel", 3), *norm("stem_norm")], channels[0]
    for stage, units in enumerate(channels):
        for i in range(blocks):
            path = f"blocks/{stage * blocks + i}"
            stream.append(Slot(f"{path}/conv1/kernel", 2))
            if units != inside:
                stream.append(Slot(f"{path}/shortcut/kernel", 2))
                groups.append(PermutationGroup(f"stream{stage - 1}", inside, tuple(stream), cells))
                stream = [Slot(f"{path}/shortcut/kernel", 3), *norm(f"{path}/shortcut_norm")]
                inside = units
            stream += [Slot(f"{path}/conv2/kernel", 3), *norm(f"{path}/norm2")]
            slots = [Slot(f"{path}/conv1/kernel", 3), *norm(f"{path}/norm1"), Slot(f"{path}/conv2/kernel", 2)]
            groups.append(PermutationGroup(f"block{stage * blocks + i}", units, tuple(slots), cells))
    stream.append(Slot("readout/kernel", 0))
    groups.append(PermutationGroup(f"stream{len(channels) - 1}", inside, tuple(stream), cells))
    return groups
