"""Random sets of runs that share no level of any source: as unrelated as runs of a crossed design can be."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int


def unrelated_sets(
    places: Int[np.ndarray, "S R"], *, count: int, generator: np.random.Generator
) -> Int[np.ndarray, "D L"]:
    """Sets of L runs of which no two have the same place in any row, L being the most that a draw gave.

    Each of `count` draws takes runs in random order, all that share no place with those it has; the draws that end with
    fewer than L are left out. In a complete crossing of a × b levels every draw gives L = min(a, b), and all ordered
    sets are equally likely, so that the first M of a set are a random one of M.

    Args:
        places: Level of each run on each source.
        count: Number of draws, at least 1.
        generator: Draws them.

    Returns:
        Numbers of runs, in the order in which they were drawn; sets may repeat.
    """
    rank = generator.random((count, places.shape[1]))
    free = np.ones(rank.shape, dtype=bool)
    taken = []
    while free.any():
        run = np.where(free, rank, np.inf).argmin(axis=1)
        taken.append(np.where(free.any(axis=1), run, -1))
        for row in places:
            free &= row != row[run][:, None]
    sets = np.stack(taken, axis=1)
    return sets[sets[:, -1] >= 0]
