"""Means over pairs of runs: all pairs, or for many runs a ring in which each run meets equally many others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from varbench.stats.estimate import Estimate
from varbench.stats.jackknife import incomplete_pair_mean_estimate, off_diagonal_row_sums, pair_mean_estimate
from varbench.stats.sharing import Sharing, shared_pair_mean_estimate, unrelated_row_sums
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
    shared: Sharing | None,
    level: float,
    key: int,
    n_examples: int,
    bounds: tuple[float, float],
    reason: str = "",
) -> Estimate:
    """The mean over all pairs of up to `most_runs` runs; for more, over those of a random ring.

    Where runs share levels, over the pairs that share none, of so many random runs at most.

    Args:
        values: What distances are computed from, runs first.
        matrix: All distances.
        on_ring: The mean distance of every run to its neighbors.
        most_runs: Runs up to which all pairs are formed.
        shared: Which levels the runs share, or None.
        level, n_examples, bounds, reason: As in `pair_mean_estimate`.
        key: Orders the ring.
    """
    n_runs = len(values)
    about = {"level": level, "n_examples": n_examples, "bounds": bounds, "reason": reason}
    if n_runs > most_runs and shared is not None:
        chosen = np.sort(generator(key, RINGS).permutation(n_runs)[:most_runs])
        values, shared, n_runs = values[chosen], shared.of(chosen), most_runs
    if n_runs <= most_runs:
        pairs = matrix(values) if n_runs > 1 else np.zeros((n_runs, n_runs))
        return matrix_mean(pairs, shared, **about)  # type: ignore[arg-type]
    ring = generator(key, RINGS).permutation(n_runs)
    means = on_ring(values, ring, reach=REACH)
    return incomplete_pair_mean_estimate(means, partners=2 * REACH, **about)  # type: ignore[arg-type]


def mean_of_row_sums(
    row_sums: Callable[[Int[np.ndarray, " r"]], Float[np.ndarray, " r"]],
    n_runs: int,
    shared: Sharing | None,
    *,
    level: float,
    n_examples: int | None,
    bounds: tuple[float, float],
    reason: str = "",
    undefined: Callable[[Int[np.ndarray, " r"]], np.ndarray] | None = None,
) -> Estimate:
    """As `matrix_mean`, without forming the pairs.

    Args:
        row_sums: From the numbers of some runs to Σ_s D_rs of each of them over the others of them.
        n_runs: How many runs there are.
        shared: Which levels the runs share, or None.
        level, n_examples, bounds, reason: As in `pair_mean_estimate`.
        undefined: The same for the number of pairs that have no value; with one of them the mean has none.
    """

    def known(sums: Float[np.ndarray, " R"], missing: np.ndarray) -> Float[np.ndarray, " R"]:
        return np.where(missing > 0, np.nan, sums)

    if shared is not None:
        sums, partners = unrelated_row_sums(row_sums, shared)
        if partners.any():
            if undefined is not None:
                sums = known(sums, unrelated_row_sums(undefined, shared)[0])
            return shared_pair_mean_estimate(
                sums, partners, shared, level=level, n_examples=n_examples, bounds=bounds, reason=reason
            )
    every = np.arange(n_runs)
    sums = row_sums(every) if undefined is None else known(row_sums(every), undefined(every))
    found = pair_mean_estimate(sums, level=level, n_examples=n_examples, bounds=bounds, reason=reason)
    return found if shared is None else found.without_interval(shared.reason)


def matrix_mean(
    pairs: Float[np.ndarray, "R R"],
    shared: Sharing | None,
    *,
    level: float,
    n_examples: int | None,
    bounds: tuple[float, float],
    reason: str = "",
) -> Estimate:
    """The mean over all pairs of runs, or where runs share levels, over the pairs that share none, if there are any.

    Args:
        pairs: Symmetric; the diagonal is not read.
        shared: Which levels the runs share, or None.
        level, n_examples, bounds, reason: As in `pair_mean_estimate`.
    """
    about = {"level": level, "n_examples": n_examples, "bounds": bounds, "reason": reason}
    unrelated = np.zeros((0, 0), dtype=bool) if shared is None else shared.unrelated
    if shared is not None and unrelated.any():
        row_sums = np.where(unrelated, pairs, 0.0).sum(axis=1)
        return shared_pair_mean_estimate(row_sums, unrelated.sum(axis=1), shared, **about)  # type: ignore[arg-type]
    found = pair_mean_estimate(off_diagonal_row_sums(pairs), **about)  # type: ignore[arg-type]
    return found if shared is None else found.without_interval(shared.reason)
