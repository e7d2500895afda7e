"""The one contract behind which every network stands, whichever library wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from varbench.types import ApplyFn, InitFn


class Slot(NamedTuple):
    """One axis of one array along which a permutation group acts.

    `blocks` > 1 says that the axis is laid out as [blocks, units], as after flattening [length, channels].
    """

    path: str
    axis: int
    blocks: int = 1
    collection: str = "params"


class PermutationGroup(NamedTuple):
    """Hidden units that can be relabeled without changing the function.

    The same permutation of `size` units, applied along every slot, leaves the network's outputs as they were.
    With `cells` > 1 only units of the same cell (consecutive, equal in size) may trade places, as under group
    normalization.
    """

    name: str
    size: int
    slots: tuple[Slot, ...]
    cells: int = 1


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
