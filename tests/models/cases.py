"""Every model under test: the built-in ones with their options, and a network of a user's behind each adapter."""

from __future__ import annotations

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

    group = PermutationGroup("features", 9, (Slot("in", 1), Slot("out", 0)))
    return from_functions(init, apply, permutations=[group])


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

    def inputs(self, examples: int = BATCH) -> jax.Array:
        """Standard normal examples [examples, *shape]."""
        return jax.random.normal(jax.random.key(99), (examples, *self.shape))


def built(name: str, shape: tuple[int, ...], *, model: str, classes: int = CLASSES, **options: Any) -> Case:
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
    )


def _cases() -> Iterator[Case]:
    yield built("logistic", (40,), model="logistic", classes=10)
    yield built("mlp", (7,), model="mlp", hidden=(12, 12), dropout=0.5)
    yield built("mlp bfloat16", IMAGE, model="mlp", hidden=(16,), dtype=jnp.bfloat16)
    yield built("mnist1d-mlp", (40,), model="mnist1d-mlp", classes=10, dropout=0.25)
    yield built("mnist1d-cnn native", (40,), model="mnist1d-cnn", classes=10, convolution="native")
    yield built("mnist1d-cnn matmul", (40,), model="mnist1d-cnn", classes=10, convolution="matmul", dropout=0.25)
    yield built("cnn native", IMAGE, model="cnn", hidden=(5, 6), dropout=0.25)
    yield built("cnn matmul bfloat16", IMAGE, model="cnn", hidden=(5, 6), convolution="matmul", dtype=jnp.bfloat16)
    yield built("resnet group", IMAGE, model="resnet", hidden=(8, 16), dropout=0.25)
    yield built("resnet group matmul", IMAGE, model="resnet", hidden=(8, 12), blocks=2, convolution="matmul")
    narrow = {"convolution": "matmul", "dtype": jnp.bfloat16}
    yield built("resnet batch matmul bfloat16", IMAGE, model="resnet", hidden=(5, 6), norm="batch", **narrow)
    yield Case("nnx", lambda **_: from_nnx(UserNnx), (7,), dropout=True, batch_norm=True)
    example = jax.ShapeDtypeStruct((1, 7), jnp.float32)
    yield Case("linen", lambda **_: from_linen(UserLinen(), example), (7,), dropout=True, batch_norm=True)
    yield Case("linen without train", lambda **_: from_linen(PlainLinen(), example), (7,), narrow=True)
    yield Case("functions", pure_pair, (7,))


CASES = {case.name: case for case in _cases()}
