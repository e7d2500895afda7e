"""The one contract behind which every network stands, whichever library wrote it."""

from __future__ import annotations

from dataclasses import dataclass

from varbench.parameters import PermutationGroup
from varbench.types import ActivationsFn, ApplyFn, InitFn


@dataclass(frozen=True)
class Model:
    """A network as two pure functions and its symmetries.

    Attributes:
        init: `init(key) -> (params, state)`.
        apply: `apply(params, state, x, key, train) -> (logits, state)`: x [B, *shape] float, logits [B, K]
            float32; `train` is a Python bool; `key` feeds dropout and is unused when `train` is False.
        permutations: Permutation groups as data, for weight matching; may be empty.
        activations: `activations(params, state, x) -> OrderedDict` of every layer's output [B, *space, units] in
            evaluation, float32, by name in the order in which the network computes them, the logits last under the
            name "logits"; None where the network does not tell. Ordered, because a plain dict leaves `jax.jit` sorted.
        examplewise: Whether in training too the logits of an example depend neither on the other examples of its batch
            nor on a draw, as they would with batch normalization and with dropout: only then may a batch be taken
            in parts.
    """

    init: InitFn
    apply: ApplyFn
    permutations: tuple[PermutationGroup, ...] = ()
    activations: ActivationsFn | None = None
    examplewise: bool = False
