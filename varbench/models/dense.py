"""Networks of fully connected layers: logistic regression, the multilayer perceptron, the MNIST-1D paper's MLP."""

from __future__ import annotations

import itertools

import jax
from flax import nnx

from varbench.models.adapters import from_nnx
from varbench.models.model import Model
from varbench.models.options import Options
from varbench.models.recording import Record, unrecorded
from varbench.parameters import PermutationGroup, Slot


class _Logistic(nnx.Module):
    def __init__(self, options: Options, rngs: nnx.Rngs):
        self.readout = nnx.Linear(options.inputs, options.classes, dtype=options.dtype, rngs=rngs)

    def __call__(self, x: jax.Array, *, record: Record = unrecorded) -> jax.Array:
        return self.readout(x.reshape(x.shape[0], -1))


class _Mlp(nnx.Module):
    def __init__(self, options: Options, hidden: tuple[int, ...], rngs: nnx.Rngs):
        sizes = (options.inputs, *hidden)
        self.hidden = nnx.List([nnx.Linear(a, b, dtype=options.dtype, rngs=rngs) for a, b in itertools.pairwise(sizes)])
        self.dropout = nnx.List([nnx.Dropout(options.dropout, rngs=rngs) for _ in hidden])
        self.readout = nnx.Linear(sizes[-1], options.classes, dtype=options.dtype, rngs=rngs)

    def __call__(self, x: jax.Array, *, record: Record = unrecorded) -> jax.Array:
        h = x.reshape(x.shape[0], -1)
        for i, (layer, dropout) in enumerate(zip(self.hidden, self.dropout, strict=True)):
            h = dropout(record(f"hidden/{i}", nnx.relu(layer(h))))
        return self.readout(h)


class _Mnist1dMlp(nnx.Module):
    def __init__(self, options: Options, units: int, rngs: nnx.Rngs):
        self.linear1 = nnx.Linear(options.inputs, units, dtype=options.dtype, rngs=rngs)
        self.linear2 = nnx.Linear(units, units, dtype=options.dtype, rngs=rngs)
        self.dropout = nnx.Dropout(options.dropout, rngs=rngs)
        self.linear3 = nnx.Linear(units, options.classes, dtype=options.dtype, rngs=rngs)

    def __call__(self, x: jax.Array, *, record: Record = unrecorded) -> jax.Array:
        h = record("linear1", nnx.relu(self.linear1(x.reshape(x.shape[0], -1))))
        h = record("linear2", h + nnx.relu(self.linear2(h)))
        return self.linear3(self.dropout(h))


def logistic(options: Options) -> Model:
    """Multinomial logistic regression: one linear layer, a convex problem."""
    options.refuse("hidden", "blocks", "norm", "dropout")
    return from_nnx(lambda rngs: _Logistic(options, rngs), examplewise=True)


def mlp(options: Options) -> Model:
    """Multilayer perceptron with rectified units; `hidden` are the layer sizes (default 128, 128)."""
    options.refuse("blocks", "norm")
    hidden = options.sizes(default=(128, 128))
    groups = []
    for i, units in enumerate(hidden):
        following = f"hidden/{i + 1}" if i + 1 < len(hidden) else "readout"
        slots = (Slot(f"hidden/{i}/kernel", 1), Slot(f"hidden/{i}/bias", 0), Slot(f"{following}/kernel", 0))
        groups.append(PermutationGroup(f"hidden{i}", units, slots))
    return from_nnx(lambda rngs: _Mlp(options, hidden, rngs), permutations=groups, examplewise=not options.dropout)


def mnist1d_mlp(options: Options) -> Model:
    """The MLP of the MNIST-1D paper: two hidden layers of `hidden` units (default 100), the second one residual.

    Source: Greydanus and Kobak 2024, arXiv 2011.14439; 15,210 parameters on MNIST-1D. The residual connection
    ties the units of both layers, so that there is one permutation group, not two.
    """
    options.refuse("blocks", "norm")
    (units,) = options.sizes(default=(100,), count=1)
    slots = (
        Slot("linear1/kernel", 1),
        Slot("linear1/bias", 0),
        Slot("linear2/kernel", 0),
        Slot("linear2/kernel", 1),
        Slot("linear2/bias", 0),
        Slot("linear3/kernel", 0),
    )
    group = PermutationGroup("stream", units, slots)
    return from_nnx(
        lambda rngs: _Mnist1dMlp(options, units, rngs), permutations=[group], examplewise=not options.dropout
    )
