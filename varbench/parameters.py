"""How a flat weight vector is laid out, and which relabelings of hidden units leave the network as it is: as data."""

from __future__ import annotations

from typing import NamedTuple


class Leaf(NamedTuple):
    """Where one parameter lies in the flat vector: `vector[start:stop].reshape(shape)`."""

    path: str
    shape: tuple[int, ...]
    start: int
    stop: int


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
    With `cells` > 1 units trade places within their cell (consecutive, equal in size), and whole cells with each other,
    as under group normalization: units of one cell stay together.
    """

    name: str
    size: int
    slots: tuple[Slot, ...]
    cells: int = 1
