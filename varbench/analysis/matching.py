"""Runs of a population relabeled to match each other, and the proof that they are the same networks as before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.networks import Networks
from varbench.analysis.population import PopulationArrays
from varbench.measures.alignment import weight_matching
from varbench.measures.blocks import blocks
from varbench.measures.relabeling import Permutations, permuted
from varbench.measures.separation import ulp_triples

MOST_GROUPS = 16
"""Groups of runs of one size: no more, so that paths and averages cost the same for any number of runs."""

FEWEST_GROUPS = 4
"""An average of M runs is only estimated where there are so many groups of M: fewer give no useful interval."""

LARGEST = 16
"""Runs in the largest average of weights."""

TOLERANCE = 1e-3
"""Largest change of the logits by a relabeling, as a root mean square over that of the logits themselves."""

ROUNDINGS = 8
"""The same in units of the rounding error of the network's arithmetic, where that is larger (half precision)."""

ORDER = 20_260_101
"""Key of the random order of the layers in weight matching."""

BYTES = 64 * 2**20
"""Size that the weights of one block of pairs may have."""


class Relabelings(NamedTuple):
    """Partners relabeled to match the first run of their group.

    Attributes:
        first: Rows of the population to be matched.
        second: Rows of their partners.
        permutations: How each partner is relabeled.
        change: By how much that changed its logits, relative; rounding, or the relabeling is no symmetry.
    """

    first: Int[np.ndarray, " n"]
    second: Int[np.ndarray, " n"]
    permutations: Permutations
    change: Float[np.ndarray, " n"]


def sound_runs(population: PopulationArrays) -> Int[np.ndarray, " r"]:
    """Rows of the runs that finished with finite weights and logits; of one-ULP triples only the base run.

    Neighbors in this order make up the groups: independent where the runs are, and in a crossed design alike in the
    source that changes last.
    """
    sound = population.usable & population.usable_weights
    triples = ulp_triples(population.levels)
    sound[triples.perturbed] = sound[triples.duplicate] = False
    return np.flatnonzero(sound)


def disjoint_groups(n_runs: int, size: int) -> Int[np.ndarray, "g M"]:
    """Consecutive groups of M runs that share none, at most `MOST_GROUPS`."""
    count = min(MOST_GROUPS, n_runs // size)
    return np.arange(count * size).reshape(count, size)


def soup_sizes(n_runs: int) -> tuple[int, ...]:
    """Powers of two from 2 to `LARGEST` of which there are at least `FEWEST_GROUPS` disjoint groups."""
    return tuple(2**k for k in range(1, LARGEST.bit_length()) if 2**k * FEWEST_GROUPS <= n_runs)


def cannot_relabel(population: PopulationArrays) -> str:
    """Why no aligned number can be given, as a sentence without a final stop; empty if nothing is in the way."""
    assert population.networks is not None  # a need of every measure that asks
    return "" if population.networks.symmetries else "the model declares no hidden units that could be relabeled"


def relabelings(population: PopulationArrays) -> Relabelings:
    """The relabelings of all groups at once, so that a pair that is in several is matched once."""
    return population.derived("relabelings", lambda: _relabelings(population))


def relabeled(
    population: PopulationArrays, first: Int[np.ndarray, " n"], second: Int[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "n P"], str]:
    """Weights of the runs `second`, relabeled to match the runs `first`; a run that is its own first stays.

    Returns:
        The weights, and why they must not be used (a sentence without a final stop), or an empty string.
    """
    assert population.networks is not None
    assert population.weights is not None
    found = relabelings(population)
    place = {pair: i for i, pair in enumerate(zip(found.first.tolist(), found.second.tolist(), strict=True))}
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    moving = [i for i, (a, b) in enumerate(pairs) if a != b]
    rows = [place[pairs[i]] for i in moving]
    weights = population.weights[second]
    weights[moving] = permuted(
        weights[moving],
        [permutation[rows] for permutation in found.permutations],
        leaves=population.networks.leaves,
        groups=population.networks.symmetries,
    )
    return weights, _objection(found, rows, tolerance=_tolerance(population.networks))


def _relabelings(population: PopulationArrays) -> Relabelings:
    networks, weights = population.networks, population.weights
    assert networks is not None
    assert weights is not None
    runs = sound_runs(population)
    sizes = {2, *soup_sizes(len(runs))}
    groups = [group for size in sizes for group in disjoint_groups(len(runs), size)]
    pairs = sorted({(int(group[0]), int(other)) for group in groups for other in group[1:]})
    first, second = (runs[np.array([pair[i] for pair in pairs], dtype=int)] for i in (0, 1))
    parts: list[Permutations] = []
    change = np.empty(len(pairs))
    for part in blocks(len(pairs), bytes_each=8 * weights.shape[1], limit=BYTES):
        # The same order of layers in every block: a pair's relabeling does not depend on those beside it.
        order = np.random.default_rng(ORDER)
        a, b = weights[first[part]], weights[second[part]]
        leaves, symmetries = networks.leaves, networks.symmetries
        matching = weight_matching(a, b, leaves=leaves, groups=symmetries, generator=order)
        parts.append(matching.permutations)
        after = permuted(b, matching.permutations, leaves=leaves, groups=symmetries)
        size = population.n_examples * population.n_classes
        change[part] = _change(networks, weights, second[part], after, size=size)
    permutations = [np.concatenate(found) for found in zip(*parts, strict=True)]
    return Relabelings(first, second, permutations, change)


def _change(
    networks: Networks,
    weights: Float[np.ndarray, "R P"],
    runs: Int[np.ndarray, " n"],
    after: Float[np.ndarray, "n P"],
    *,
    size: int,
) -> Float[np.ndarray, " n"]:
    """Root mean square change of the runs' test logits over their root mean square; infinite if not finite."""
    found = np.empty(len(runs))
    for part in blocks(len(runs), bytes_each=4 * size, limit=BYTES):
        distinct, place = np.unique(runs[part], return_inverse=True)
        old = networks.logits(weights[distinct], "test").astype(np.float64)[place]
        new = networks.logits(after[part], "test").astype(np.float64)
        difference, scale = ((x**2).mean(axis=(1, 2)) for x in (new - old, old))
        ratio = np.sqrt(np.divide(difference, scale, out=np.full(len(scale), np.inf), where=scale > 0))
        found[part] = np.where(difference == 0, 0.0, np.where(np.isnan(ratio), np.inf, ratio))
    return found


def _tolerance(networks: Networks) -> float:
    return max(TOLERANCE, ROUNDINGS * networks.epsilon)


def _objection(found: Relabelings, rows: Sequence[int], *, tolerance: float) -> str:
    for row in rows:
        if found.change[row] > tolerance:
            return (
                f"run {found.second[row]}, relabeled to match run {found.first[row]}, gives other outputs: its logits "
                f"change by {found.change[row]:.2g} of their size, more than {tolerance:.2g}"
            )
    return ""
