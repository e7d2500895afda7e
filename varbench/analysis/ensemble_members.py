"""Which runs make up the ensembles of a population: any that finished, unrelated ones where some share levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from varbench.analysis.population import PopulationArrays
from varbench.measures.ensembles import Subsets, disjoint_pairs, ensemble_sizes, member_subsets
from varbench.measures.unrelated_sets import unrelated_sets
from varbench.stats.sharing import Sharing
from varbench.stats.streams import SUBSET_PAIRS, SUBSETS, generator

SUBSET_LIMIT = 1024
"""Ensembles of one size: all where there are no more, otherwise this many random ones."""

PAIR_LIMIT = 512
"""Pairs of disjoint ensembles of one size, likewise."""


@dataclass(frozen=True, eq=False)
class Members:
    """The ensembles of each size, numbered within the usable runs.

    Two runs of a crossed design that have the same initialization are more alike than two that were trained apart, and
    so are two ensembles that hold one each. There ensembles, and pairs of them, are made of runs that share no level:
    as those are whose disagreement and spread is measured.

    Attributes:
        n_runs: Usable runs.
        shared: Which levels they share, or None; None too where every two of them share some.
        sets: Random sets [D, L] of runs that share none, where there are levels that runs share.
        key: Seeds the random ensembles.
    """

    n_runs: int
    shared: Sharing | None
    sets: Int[np.ndarray, "D L"] | None
    key: int

    @property
    def most(self) -> int:
        """Runs that two disjoint ensembles can have together."""
        return self.n_runs if self.sets is None else self.sets.shape[1]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Powers of two from 1 on for which two disjoint ensembles exist."""
        return ensemble_sizes(self.most)

    def subsets(self, size: int) -> Subsets:
        """Ensembles [S, M]; random ones begin with those of smaller sizes."""
        if self.sets is not None:
            return Subsets(self.sets[:, :size], False)
        return member_subsets(self.n_runs, size, limit=SUBSET_LIMIT, generator=generator(self.key, SUBSETS))

    def pairs(self, size: int) -> Subsets:
        """Pairs of disjoint ensembles [S, 2, M]; random ones begin with the pairs of half the size."""
        if self.sets is not None:
            return Subsets(self.sets[:PAIR_LIMIT, : 2 * size].reshape(-1, 2, size), False)
        return disjoint_pairs(self.n_runs, size, limit=PAIR_LIMIT, generator=generator(self.key, SUBSET_PAIRS))


def ensemble_members(population: PopulationArrays, *, key: int) -> Members:
    """The ensembles of the usable runs of a population, drawn once for each key."""

    def drawn() -> Members:
        n_runs = int(population.usable.sum())
        shared = population.shared_among(population.usable)
        if shared is None or not shared.unrelated.any():
            return Members(n_runs, None, None, key)
        sets = unrelated_sets(shared.places, count=SUBSET_LIMIT, generator=generator(key, SUBSETS))
        return Members(n_runs, shared, sets, key)

    return population.derived(("ensemble_members", key), drawn)
