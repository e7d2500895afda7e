"""Are two networks the same up to relabeled hidden units? Weight matching on flat weight vectors.

A network computes the same function after its hidden units are relabeled, so two runs may be far apart in weight space
and still be one network. The relabelings that a model allows are declared as data: groups of units, each with the axes
(slots) along which one permutation of its units acts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from varbench.measures.relabeling import Place, identity_permutations, places_of
from varbench.parameters import Leaf, PermutationGroup

TOLERANCE = 1e-12
"""A relabeling must gain more than this part of ‖a‖ ‖b‖: less is rounding."""

DAMPING = (0.0, 0.03, 0.1, 0.3, 1.0)
"""Reward for a unit that stays where it is, in units of the largest entry of the linear term; tried in this order."""


class Matching(NamedTuple):
    """Relabelings of n networks and what they reached.

    Attributes:
        permutations: One [n, units] for each group.
        objectives: Σ⟨a, relabeled b⟩ of every pair before the first sweep and after each; rows never fall.
    """

    permutations: tuple[Int[np.ndarray, "n _"], ...]
    objectives: Float[np.ndarray, "sweeps n"]


def weight_matching(
    first: Float[np.ndarray, "n P"],
    second: Float[np.ndarray, "n P"],
    *,
    leaves: Sequence[Leaf],
    groups: Sequence[PermutationGroup],
    generator: np.random.Generator,
) -> Matching:
    """Relabel the hidden units of every network of `second` so that its weights match those of `first` best.

    Maximizes Σ⟨a, π(b)⟩ over the relabelings π, which is to minimize ‖a − π(b)‖², by coordinate ascent: one group at a
    time, in a random order in each sweep, with the others held; the best permutation of one group is a linear
    assignment. Starts at the identity and stops when no group of a sweep gains more than 1e-12 ‖a‖ ‖b‖, so that π(b)
    is never farther from a than b, and identical weights stay as they are. A local maximum: the problem is NP-hard.

    A group with `cells` permutes the units in each cell and the cells among themselves, as group normalization
    allows: the best such permutation is found exactly, by an assignment of cells with the value of the best
    assignment of their units. A group that acts twice on one parameter (units of a residual stream that feed
    themselves) makes that term quadratic; its linearization at the present permutation is maximized, with increasing
    reward for staying until the objective itself rises, or the permutation is kept. On the MNIST-1D MLP the reward
    raises what is reached by a fifth; on random streams of six units the result has .85 of the best possible gain, and
    .74 without.

    Pairs are independent: what is found for one does not depend on those beside it. A group is passed over while
    none of its neighbors has moved since it was tried: it would stay. Of the time, most goes to the assignments.

    Source: Ainsworth et al. 2022, arXiv 2209.04836, algorithm 1.

    Args:
        first: Finite weights of n networks.
        second: Finite weights of their n partners.
        leaves: Where each parameter lies in the vector.
        groups: The permutation groups.
        generator: Draws the order of the groups.

    Raises:
        InputError: If a slot names a parameter that is not there or an axis of another length.
    """
    roles = _roles(places_of(leaves, groups), groups)
    permutations = identity_permutations(groups, len(first))
    orders = list[Int[np.ndarray, " G"]]()
    reached = list[list[float]]()
    for pair, weights in enumerate(zip(first, second, strict=True)):
        a, b = (flat.astype(np.float64) for flat in weights)
        least = TOLERANCE * float(np.sqrt((a @ a) * (b @ b)))
        may_gain = np.ones(len(groups), dtype=bool)
        reached.append([float(a @ b)])
        while may_gain.any():
            if len(reached[-1]) > len(orders):
                orders.append(generator.permutation(len(groups)))  # of a sweep, for all pairs
            for index in orders[len(reached[-1]) - 1]:
                if may_gain[index]:
                    better = _improvement(a, b, roles[index], least=least)
                    may_gain[index] = False
                    if better is not None:
                        for move in roles[index].moves:
                            b[move.part] = _moved(b, move, better)
                        permutations[index][pair] = permutations[index][pair][better]
                        may_gain[roles[index].neighbors] = True
            reached[-1].append(float(a @ b))
    sweeps = max(map(len, reached), default=1)
    objectives = [row + row[-1:] * (sweeps - len(row)) for row in reached]
    return Matching(permutations, np.array(objectives).reshape(-1, sweeps).T)


class _Slot(NamedTuple):
    """Part of the vector, its shape with the units on an axis of their own, and the order of axes with them first."""

    part: slice
    shape: tuple[int, ...]
    order: tuple[int, ...]


class _Move(NamedTuple):
    """Part of the vector on which a group acts, its shape, and on which axes with how many blocks."""

    part: slice
    shape: tuple[int, ...]
    axes: tuple[tuple[int, int], ...]


class _Role(NamedTuple):
    """One group in the network.

    Attributes:
        units, cells: Of the group.
        slots: On parameters.
        moves: One for each parameter on which it acts.
        quadratic: Whether it acts on one twice.
        neighbors: The groups for which other permutations are best after this one moved.
    """

    units: int
    cells: int
    slots: tuple[_Slot, ...]
    moves: tuple[_Move, ...]
    quadratic: bool
    neighbors: list[int]


def _roles(places: Sequence[Place], groups: Sequence[PermutationGroup]) -> list[_Role]:
    roles = []
    for index, group in enumerate(groups):
        slots, moves, neighbors = list[_Slot](), list[_Move](), set[int]()
        for leaf, acting in places:
            part, shape = slice(leaf.start, leaf.stop), tuple(leaf.shape)
            own = tuple((axis, n_blocks) for axis, other, n_blocks in acting if other == index)
            for axis, n_blocks in own:
                cut = (*shape[:axis], n_blocks, group.size, *shape[axis + 1 :])
                slots.append(_Slot(part, cut, (axis + 1, *(i for i in range(len(cut)) if i != axis + 1))))
            if own:
                moves.append(_Move(part, shape, own))
                neighbors |= {other for _, other, _ in acting if other != index or len(own) > 1}
        quadratic = index in neighbors
        roles.append(_Role(group.size, group.cells, tuple(slots), tuple(moves), quadratic, sorted(neighbors)))
    return roles


def _improvement(
    a: Float[np.ndarray, " P"], b: Float[np.ndarray, " P"], role: _Role, *, least: float
) -> Int[np.ndarray, " U"] | None:
    """The order of the units of b, as they are now, that gains more than `least`, or None."""
    # worth[u, v]: what it is worth that unit v takes the place of unit u, everything else as it is.
    worth = np.zeros((role.units, role.units))
    for slot in role.slots:
        worth += _units_first(a, slot) @ _units_first(b, slot).T
    for damping in DAMPING if role.quadratic else DAMPING[:1]:
        order = _assignment(worth + np.diag(np.full(role.units, damping * np.abs(worth).max())), role.cells)
        if role.quadratic:
            gained = sum(a[move.part] @ (_moved(b, move, order) - b[move.part]) for move in role.moves)
        else:
            gained = worth[np.arange(role.units), order].sum() - np.trace(worth)
        if gained > least:
            return order
    return None


def _units_first(weights: Float[np.ndarray, " P"], slot: _Slot) -> Float[np.ndarray, "U rest"]:
    units = weights[slot.part].reshape(slot.shape).transpose(slot.order)
    return units.reshape(len(units), -1)


def _moved(b: Float[np.ndarray, " P"], move: _Move, order: Int[np.ndarray, " U"]) -> Float[np.ndarray, " p"]:
    """One parameter with the units in another order."""
    values = b[move.part].reshape(move.shape)
    for axis, n_blocks in move.axes:
        values = np.take(values, (np.arange(n_blocks)[:, None] * len(order) + order).ravel(), axis=axis)
    return values.ravel()


def _assignment(worth: Float[np.ndarray, "U U"], cells: int) -> Int[np.ndarray, " U"]:
    """The permutation p with the largest Σ_u worth[u, p(u)] that keeps cells together."""
    from scipy.optimize import linear_sum_assignment

    if cells == 1:
        return linear_sum_assignment(worth, maximize=True)[1]
    width = len(worth) // cells
    inner = np.empty((cells, cells, width), dtype=np.int64)
    value = np.empty((cells, cells))
    for to, source in np.ndindex(cells, cells):
        square = worth[to * width : (to + 1) * width, source * width : (source + 1) * width]
        rows, inner[to, source] = linear_sum_assignment(square, maximize=True)
        value[to, source] = square[rows, inner[to, source]].sum()
    to, source = linear_sum_assignment(value, maximize=True)
    return (source[:, None] * width + inner[to, source]).ravel()
