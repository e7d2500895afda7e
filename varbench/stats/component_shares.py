"""The share of the variance from run to run that each source of a crossed design brings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from varbench.measures.effects import Term
from varbench.stats.components import (
    FEWEST_LEVELS,
    METHOD,
    TOO_FEW,
    Energies,
    MeanSquare,
    Weights,
    combined_interval,
    combined_value,
    component_weights,
    mean_squares,
    total_weights,
)
from varbench.stats.estimate import Estimate, estimate_of


def variance_shares(
    energies: Energies, shape: tuple[int, ...], *, level: float, n_examples: int | None, resampled: str
) -> dict[Term, Estimate]:
    """σ²_T over the sum of all components, raw: below 0 where the component is.

    The interval holds the shares s in [0, 1] for which the interval of σ²_T − s · total, put together as that of a
    component is, contains 0. Measured coverage of a nominal 95 %, 8 × 8 and 16 × 16 levels: .94 to .99 for shares
    that are not 0 (gamma(4) effects with one value a run .92 to .985); .97 to 1 for those that are.

    Args:
        energies: From `effect_energies`.
        shape: A, B(, C), n.
        level: Nominal coverage.
        n_examples: Test examples behind the values, or None.
        resampled: What the interval generalizes over, in words.

    Returns:
        By term; no value where all runs are equal.
    """
    squares = mean_squares(energies, shape, level=level)
    total = total_weights(shape)
    whole = combined_value(squares, total)
    few = min(shape[:-1]) < FEWEST_LEVELS
    reason = TOO_FEW if few else "the differences between the runs rest on a single level"
    found = {}
    for term, weights in component_weights(shape).items():
        value = combined_value(squares, weights) / whole if whole > 0 else math.nan
        low, high = _ends(squares, weights, total, value)
        found[term] = estimate_of(
            value,
            low,
            high,
            level=level,
            method=METHOD,
            n_runs=math.prod(shape),
            n_examples=n_examples,
            resampled=resampled,
            reason=reason if whole > 0 else "all runs are equal: there is no variance to share",
        )
    return found


def _ends(squares: Mapping[Term, MeanSquare], weights: Weights, total: Weights, value: float) -> tuple[float, float]:
    """The lowest and the highest share in [0, 1] that are held; the nearer end where the value lies outside."""

    def gap(share: float) -> tuple[float, float]:
        terms = {*weights, *total}
        return combined_interval(squares, {t: weights.get(t, 0.0) - share * total.get(t, 0.0) for t in terms})

    if not all(math.isfinite(end) for end in gap(0.5)) or not math.isfinite(value):
        return math.nan, math.nan
    start = min(max(value, 0.0), 1.0)
    low = 0.0 if gap(0.0)[0] <= 0.0 else _edge(start, 0.0, lambda share: gap(share)[0])
    high = 1.0 if gap(1.0)[1] >= 0.0 else _edge(start, 1.0, lambda share: -gap(share)[1])
    return low, high


def _edge(inside: float, outside: float, surplus: Callable[[float], float]) -> float:
    """Where between a share that is held (surplus ≤ 0) and one that is not it ends; the former if neither is held."""
    from scipy.optimize import brentq

    return float(brentq(surplus, inside, outside, xtol=1e-12)) if surplus(inside) <= 0.0 else inside
