"""Relabeling the hidden units of networks given as flat weights: the weights move, the function stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from varbench.errors import InputError
from varbench.parameters import Leaf, PermutationGroup

Permutations = Sequence[Int[np.ndarray, "n _"]]
"""One array for each group: unit u of the relabeled network j is unit `permutations[g][j, u]` of network j."""


class Place(NamedTuple):
    """A leaf on which permutations act: (axis, group, blocks) for each slot."""

    leaf: Leaf
    slots: tuple[tuple[int, int, int], ...]


def identity_permutations(groups: Sequence[PermutationGroup], n: int) -> tuple[Int[np.ndarray, "n _"], ...]:
    """The relabelings that leave n networks as they are."""
    return tuple(np.tile(np.arange(group.size), (n, 1)) for group in groups)


def permuted(
    weights: Float[np.ndarray, "n P"],
    permutations: Permutations,
    *,
    leaves: Sequence[Leaf],
    groups: Sequence[PermutationGroup],
) -> Float[np.ndarray, "n P"]:
    """The weights with the hidden units of every network relabeled: moved, never changed.

    Args:
        weights: Flat weights of n networks.
        permutations: For every group the relabeling of each network.
        leaves: Where each parameter lies in the vector.
        groups: The permutation groups; slots on other collections than the parameters (batch statistics) are left out.

    Raises:
        InputError: If a slot names a parameter that is not there or an axis of another length.
    """
    moved = weights.copy()
    for place in places_of(leaves, groups):
        leaf = moved_leaf(leaf_view(weights, place.leaf), place, permutations)
        moved[:, place.leaf.start : place.leaf.stop] = leaf.reshape(len(weights), -1)
    return moved


def moved_leaf(
    values: Float[np.ndarray, "m ..."], place: Place, permutations: Permutations, *, without: int | None = None
) -> Float[np.ndarray, "m ..."]:
    """One leaf of every network with the permutations applied along its slots, or along all but one."""
    for slot, (axis, group, n_blocks) in enumerate(place.slots):
        if slot != without:
            permutation = permutations[group]
            size = permutation.shape[1]
            index = (np.arange(n_blocks)[:, None] * size + permutation[:, None, :]).reshape(len(values), -1)
            wide = (len(values), *(-1 if i == axis else 1 for i in range(values.ndim - 1)))
            values = np.take_along_axis(values, index.reshape(wide), axis=axis + 1)
    return values


def leaf_view(weights: Float[np.ndarray, "m P"], leaf: Leaf) -> Float[np.ndarray, "m ..."]:
    """One leaf of every network in its own shape."""
    return weights[:, leaf.start : leaf.stop].reshape(len(weights), *leaf.shape)


def places_of(leaves: Sequence[Leaf], groups: Sequence[PermutationGroup]) -> list[Place]:
    """The leaves on which the groups act, in the order of the vector."""
    by_path = {leaf.path: leaf for leaf in leaves}
    slots: dict[str, list[tuple[int, int, int]]] = {}
    for index, group in enumerate(groups):
        for slot in group.slots:
            if slot.collection != "params":
                continue
            shape = by_path[slot.path].shape if slot.path in by_path else ()
            if not slot.axis < len(shape) or shape[slot.axis] != slot.blocks * group.size:
                raise InputError(
                    f"The permutation group {group.name!r} acts on axis {slot.axis} of {slot.path!r} with "
                    f"{slot.blocks} × {group.size} units; the model has there "
                    f"{f'the shape {shape}' if slot.path in by_path else 'no such parameter'}: correct the slots that "
                    "the model declares."
                )
            slots.setdefault(slot.path, []).append((slot.axis, index, slot.blocks))
    return [Place(leaf, tuple(slots[leaf.path])) for leaf in leaves if leaf.path in slots]
