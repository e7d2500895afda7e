"""The one contract behind which every network stands, whichever library wrote it."""

from __future__ import annotations

from dataclasses import dataclass

from varbench.parameters import PermutationGroup
from varbench.types import ApplyFn, InitFn


@dataclass(frozen=True)
class Model:
    """A network as two pure functions and its symmetries.

    Attributes:
        init: `init(key) -> (params, state)`.
        apply: `apply(params, state, x, key, train) -> (logits, state)`: x [B, *shape] float, logits [B, K]
            float32; `train` is a Python bool; `key` feeds dropout and is unused when `train` is False.
        permutations: Permutation groups as data, for weight matching; may be empty.
    """

    init: InitFn
    apply: ApplyFn
    permutations: tuple[PermutationGroup, ...] = ()
