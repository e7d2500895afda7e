"""Every model under test: the built-in ones with their options, and a network of a user's behind each adapter."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen, nnx

from varbench.models import Model, Options, PermutationGroup, Slot, build
from varbench.models.adapters import from_functions, from_linen, from_nnx

CLASSES = 5
BATCH = 6
IMAGE = (8, 8, 2)


class UserNnx(nnx.Module):
    """Two dropout layers of one shape, batch normalization, and a layer that is there twice."""

    def __init__(self, rngs: nnx.Rngs):
        self.first = nnx.Linear(7, 12, rngs=rngs)
        self.norm = nnx.BatchNorm(12, momentum=0.9, rngs=rngs)
        self.drop1 = nnx.Dropout(0.5, rngs=rngs)
        self.drop2 = nnx.Dropout(0.5, rngs=rngs)
        self.readout = nnx.Linear(12, CLASSES, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.readout(self.drop2(self.drop1(nnx.relu(self.norm(self.first(x))))))


class UserLinen(linen.Module):
    """With `train`: batch normalization and two dropout layers of one shape."""

    @linen.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        h = linen.Dense(12)(x)
        h = linen.relu(linen.BatchNorm(use_running_average=not train, momentum=0.9)(h))
        h = linen.Dropout(0.5, deterministic=not train)(h)
        h = linen.Dropout(0.5, deterministic=not train)(h)
        return linen.Dense(CLASSES)(h)


class PlainLinen(linen.Module):
    """Without `train`, and in half precision inside."""

    @linen.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return linen.Dense(CLASSES, dtype=jnp.bfloat16)(linen.relu(linen.Dense(9, dtype=jnp.bfloat16)(x)))


def pure_pair(**_: Any) -> Model:
    """A linear readout of rectified random features, as two functions."""

    def init(key: jax.Array) -> tuple[Any, Any]:
        one, two = jax.random.split(key)
        return {"in": jax.random.normal(one, (7, 9)), "out": jax.random.normal(two, (9, CLASSES))}, {}

    def apply(params: Any, state: Any, x: jax.Array, key: jax.Array, train: bool) -> tuple[jax.Array, Any]:
        return jax.nn.relu(x @ params["in"]) @ params["out"], state

    def activations(params: Any, state: Any, x: jax.Array) -> OrderedDict[str, jax.Array]:
        features = jax.nn.relu(x @ params["in"])
        return OrderedDict(features=features, logits=features @ params["out"])

    group = PermutationGroup("features", 9, (Slot("in", 1), Slot("out", 0)))
    return from_functions(init, apply, permutations=[group], activations=activations)


@dataclass(frozen=True)
class Case:
    """A model under test and what it is known to have; `make` takes changes of the options of built-in models."""

    name: str
    make: Callable[..., Model]
    shape: tuple[int, ...]
    classes: int = CLASSES
    dropout: bool = False
    batch_norm: bool = False
    narrow: bool = False
    cells: int = 1
    layers: dict[str, tuple[int, ...]] | None = None
    """Shapes of the activations of one example before the logits, in order; None where the network does not tell."""

    def inputs(self, examples: int = BATCH) -> jax.Array:
        """Standard normal examples [examples, *shape]."""
        return jax.random.normal(jax.random.key(99), (examples, *self.shape))


def built(
    name: str,
    shape: tuple[int, ...],
    *,
    model: str,
    layers: dict[str, tuple[int, ...]],
    classes: int = CLASSES,
    **options: Any,
) -> Case:
    narrow = options.get("dtype") is not None
    return Case(
        name,
        lambda **changes: build(Options(model=model, shape=shape, classes=classes, **{**options, **changes})),
        shape,
        classes,
        dropout=bool(options.get("dropout")),
        batch_norm=options.get("norm") == "batch",
        narrow=narrow,
        cells=4 if model == "resnet" and options.get("norm") != "batch" else 1,
        layers=layers,
    )


def _cases() -> Iterator[Case]:
    yield built("logistic", (40,), model="logistic", classes=10, layers={})
    hidden = {"hidden/0": (12,), "hidden/1": (12,)}
    yield built("mlp", (7,), model="mlp", hidden=(12, 12), dropout=0.5, layers=hidden)
    yield built("mlp bfloat16", IMAGE, model="mlp", hidden=(16,), dtype=jnp.bfloat16, layers={"hidden/0": (16,)})
    linear = {"linear1": (100,), "linear2": (100,)}
    yield built("mnist1d-mlp", (40,), model="mnist1d-mlp", classes=10, dropout=0.25, layers=linear)
    paper = {"model": "mnist1d-cnn", "layers": {"conv1": (19, 25), "conv2": (10, 25), "conv3": (5, 25)}, "classes": 10}
    yield built("mnist1d-cnn native", (40,), convolution="native", **paper)
    yield built("mnist1d-cnn matmul", (40,), convolution="matmul", dropout=0.25, **paper)
    small = {"model": "cnn", "hidden": (5, 6)}
    small["layers"] = {"convs/0": (8, 8, 5), "convs/1": (4, 4, 6), "pooled": (6,)}
    yield built("cnn native", IMAGE, dropout=0.25, **small)
    yield built("cnn matmul bfloat16", IMAGE, convolution="matmul", dtype=jnp.bfloat16, **small)
    wide = {"layers": {"convs/0": (8, 8, 8), "convs/1": (4, 4, 9), "pooled": (9,)}, "convolution": "winograd"}
    yield built("cnn winograd", IMAGE, model="cnn", hidden=(8, 9), **wide)
    yield built("resnet group", IMAGE, model="resnet", hidden=(8, 16), dropout=0.25, layers=_blocks(8, (8, 8), (4, 16)))
    deeper = _blocks(8, (8, 8), (8, 8), (4, 12), (4, 12))
    yield built(
        "resnet group matmul", IMAGE, model="resnet", hidden=(8, 12), blocks=2, convolution="matmul", layers=deeper
    )
    narrow = {"convolution": "matmul", "dtype": jnp.bfloat16, "layers": _blocks(5, (8, 5), (4, 6))}
    yield built("resnet batch matmul bfloat16", IMAGE, model="resnet", hidden=(5, 6), norm="batch", **narrow)
    yield Case("nnx", lambda **_: from_nnx(UserNnx), (7,), dropout=True, batch_norm=True)
    example = jax.ShapeDtypeStruct((1, 7), jnp.float32)
    user = dict.fromkeys(("Dense_0", "BatchNorm_0", "Dropout_0", "Dropout_1"), (12,))
    yield Case("linen", lambda **_: from_linen(UserLinen(), example), (7,), dropout=True, batch_norm=True, layers=user)
    plain = {"Dense_1": (9,)}  # Flax names in the order of construction, and the readout is constructed first
    yield Case("linen without train", lambda **_: from_linen(PlainLinen(), example), (7,), narrow=True, layers=plain)
    yield Case("functions", pure_pair, (7,), layers={"features": (9,)})


def _blocks(stem: int, *blocks: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    """Of a residual network on 8×8 images: (side, channels) of each block."""
    layers: dict[str, tuple[int, ...]] = {"stem": (8, 8, stem)}
    for i, (side, channels) in enumerate(blocks):
        layers |= {f"blocks/{i}/inside": (side, side, channels), f"blocks/{i}": (side, side, channels)}
    return {**layers, "pooled": (blocks[-1][1],)}


CASES = {case.name: case for case in _cases()}
