"""Means over pairs of runs: all pairs, or for many runs a ring in which each run meets equally many others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from varbench.stats.estimate import Estimate
from varbench.stats.jackknife import incomplete_pair_mean_estimate, off_diagonal_row_sums, pair_mean_estimate
from varbench.stats.streams import RINGS, generator

REACH = 32
"""Neighbors on either side that a run meets on a ring."""


@runtime_checkable
class RingMeans(Protocol):
    """Mean distance of every run to its neighbors on a ring."""

    def __call__(self, values: np.ndarray, ring: Int[np.ndarray, " R"], /, *, reach: int) -> Float[np.ndarray, " R"]:
        """[R]."""
        ...


def mean_over_pairs(
    values: np.ndarray,
    matrix: Callable[[np.ndarray], Float[np.ndarray, "R R"]],
    on_ring: RingMeans,
    *,
    most_runs: int,
    level: float,
    key: int,
    n_examples: int,
    bounds: tuple[float, float],
    reason: str = "",
) -> Estimate:
    """The mean over all pairs of up to `most_runs` runs; for more, over those of a random ring.

    Args:
        values: What distances are computed from, runs first.
        matrix: All distances.
        on_ring: The mean distance of every run to its neighbors.
        most_runs: Runs up to which all pairs are formed.
        level, n_examples, bounds, reason: As in `pair_mean_estimate`.
        key: Orders the ring.
    """
    n_runs = len(values)
    about = {"level": level, "n_examples": n_examples, "bounds": bounds, "reason": reason}
    if n_runs <= most_runs:
        row_sums = off_diagonal_row_sums(matrix(values)) if n_runs > 1 else np.zeros(n_runs)
        return pair_mean_estimate(row_sums, **about)  # type: ignore[arg-type]
    ring = generator(key, RINGS).permutation(n_runs)
    means = on_ring(values, ring, reach=REACH)
    return incomplete_pair_mean_estimate(means, partners=2 * REACH, **about)  # type: ignore[arg-type]
