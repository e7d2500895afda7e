"""The one-ULP protocol: how two runs part that began one unit in the last place apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from varbench.measures.weights import paired_relative_distance, relative_distance_matrix

SATURATED = 0.1
"""Growth counts as early until the distance reaches this fraction of that between independent runs: beyond it the
curve bends, because two runs cannot be farther apart than unrelated ones."""

FEWEST = 3
"""An exponential rate is fitted to so many snapshots at least: two would fit any curve."""


class Triples(NamedTuple):
    """Rows [B] of the base runs, of their perturbed twins, and of their untouched duplicates."""

    base: Int[np.ndarray, " B"]
    perturbed: Int[np.ndarray, " B"]
    duplicate: Int[np.ndarray, " B"]


def ulp_triples(levels: Mapping[str, Int[np.ndarray, " R"]]) -> Triples:
    """The triples of the protocol among the runs of a population.

    A run with a level above 0 on `ulp` makes a triple with the first two runs of its block that have level 0 there and
    its own levels otherwise. The block is known from the level of `width`: runs of one block ran in one program. Where
    that level is 0 (the program's own width, which the levels do not tell) there are no triples.

    Args:
        levels: Level [R] of each source, of all runs in the order in which they were planned.
    """
    ulp, width = levels.get("ulp"), levels.get("width")
    found: list[tuple[int, int, int]] = []
    if ulp is not None and width is not None:
        others = np.stack([column for source, column in sorted(levels.items()) if source != "ulp"], axis=1)
        for run in np.flatnonzero((ulp > 0) & (width > 0)):
            start = run - run % width[run]
            block = np.arange(start, min(start + width[run], len(ulp)))
            twins = block[(ulp[block] == 0) & (others[block] == others[run]).all(axis=1)]
            if len(twins) >= 2:
                found.append((int(twins[0]), int(run), int(twins[1])))
    return Triples(*np.array(found, dtype=np.int64).reshape(-1, 3).T)


def words_changed(first: Float[np.ndarray, "B P"], second: Float[np.ndarray, "B P"]) -> Int[np.ndarray, " B"]:
    """In how many 32-bit words two weight vectors differ: 0 for the same bits, 1 for one ULP in one weight.

    Zero and minus zero differ, and a NaN equals itself, since bits are compared.
    """
    a, b = (np.ascontiguousarray(x, dtype=np.float32).view(np.uint32) for x in (first, second))
    return (a != b).sum(axis=1)


def separation_curves(
    snapshots: Float[np.ndarray, "R S P"], first: Int[np.ndarray, " B"], second: Int[np.ndarray, " B"]
) -> Float[np.ndarray, "B S"]:
    """‖a − b‖ / √(‖a‖² + ‖b‖²) of two runs at every snapshot, for pairs of runs.

    Differences are formed before anything is squared, so that one ULP is above 0 and equal bits are exactly 0.

    Args:
        snapshots: Finite weights of the runs that `first` and `second` name.
        first, second: Rows of the two runs of each pair.
    """
    columns = [
        paired_relative_distance(snapshots[first, step], snapshots[second, step]) for step in range(snapshots.shape[1])
    ]
    return np.stack(columns, axis=1) if columns else np.zeros((len(first), 0))


def independent_distances(
    snapshots: Float[np.ndarray, "R S P"], rows: Int[np.ndarray, " B"]
) -> Float[np.ndarray, "S B B"]:
    """The same distance between every two of the runs in `rows`, at every snapshot; 0 on the diagonal."""
    return np.stack([relative_distance_matrix(snapshots[rows, step]) for step in range(snapshots.shape[1])])


def growth_window(
    curve: Float[np.ndarray, " S"], steps: Int[np.ndarray, " S"], *, ceiling: float
) -> Int[np.ndarray, " W"]:
    """The snapshots of early growth: from step 1 until the distance first reaches `ceiling`.

    Step 0 is left out: there one weight differs; the first step spreads that over all of them, which is a jump and no
    growth. Snapshots before the first one at which the runs are apart are left out too (the change was rounded away
    and came back with another step's rounding).

    Args:
        curve: Distance at each snapshot.
        steps: Steps of the snapshots, ascending.
        ceiling: Distance at which growth no longer counts as early.
    """
    reached = np.flatnonzero(curve >= ceiling)
    end = reached[0] if reached.size else len(curve)
    inside = np.arange(end)
    return inside[(steps[:end] >= 1) & (curve[:end] > 0)]


def early_rates(
    curves: Float[np.ndarray, "B S"], steps: Int[np.ndarray, " S"], *, ceiling: float
) -> Float[np.ndarray, " B"]:
    """Exponential rate of early growth of every pair, per step: r in d(t) ≈ d₁ exp(r t).

    The slope of a least-squares line of ln d over the step, through the snapshots of `growth_window`: a number
    comparable to a Lyapunov exponent; ln 2 / r is the doubling time in steps. Snapshots are spaced evenly in the
    logarithm of the step, so that the late ones of the window carry most of the fit.

    Returns:
        NaN for a pair with fewer than `FEWEST` snapshots in its window.
    """
    rates = np.full(len(curves), math.nan)
    for pair, curve in enumerate(curves):
        window = growth_window(curve, steps, ceiling=ceiling)
        if len(window) >= FEWEST:
            time = steps[window] - steps[window].mean()
            rates[pair] = time @ np.log(curve[window]) / (time @ time)
    return rates
