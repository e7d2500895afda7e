"""The share of the variance from run to run that each source of a crossed design brings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

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

LARGEST = 1e6
"""An interval for a share that goes on to this says nothing: there is none then."""


def variance_shares(
    energies: Energies, shape: tuple[int, ...], *, level: float, n_examples: int | None, resampled: str
) -> dict[Term, Estimate]:
    """σ²_T over the sum of all components, raw: below 0 where the component is, and then another may be above 1.

    The interval holds the shares s for which the interval of σ²_T − s · total, put together as that of a component is,
    contains 0, cut to [0, 1]: no share of a variance lies elsewhere, so its coverage stays. Measured coverage of a
    nominal 95 %, 8 × 8 and 16 × 16 levels: .92 to .98 with normal effects; .91 to .998 with gamma(4) ones and one
    value a run.

    Args:
        energies: From `effect_energies`.
        shape: A, B(, C), n.
        level: Nominal coverage.
        n_examples: Test examples behind the values, or None.
        resampled: What the interval generalizes over, in words.

    Returns:
        By term, with the degrees of freedom of the source with the fewest levels; no value where all runs are equal.
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
        share = estimate_of(
            value,
            low,
            high,
            level=level,
            method=METHOD,
            n_runs=math.prod(shape),
            n_examples=n_examples,
            resampled=resampled,
            bounds=(0.0, 1.0),
            reason=reason if whole > 0 else "all runs are equal: there is no variance to share",
        )
        found[term] = share if share.low is None else replace(share, freedom=min(shape[:-1]) - 1)
    return found


def _ends(squares: Mapping[Term, MeanSquare], weights: Weights, total: Weights, value: float) -> tuple[float, float]:
    """The lowest and the highest share that are held: the value is, and those far off are not."""

    def gap(share: float) -> tuple[float, float]:
        both = {*weights, *total}
        return combined_interval(squares, {t: weights.get(t, 0.0) - share * total.get(t, 0.0) for t in both})

    if not math.isfinite(value) or not all(math.isfinite(end) for end in gap(value - 1.0)):
        return math.nan, math.nan
    return _edge(value, -1.0, lambda share: gap(share)[0]), _edge(value, 1.0, lambda share: -gap(share)[1])


def _edge(value: float, step: float, surplus: Callable[[float], float]) -> float:
    """Where the surplus, at most 0 for shares that are held, comes to be above 0; NaN where it does not."""
    from scipy.optimize import brentq

    while surplus(value + step) <= 0.0:
        step *= 2.0
        if abs(step) > LARGEST:
            return math.nan
    return float(brentq(surplus, value, value + step, xtol=1e-12)) if surplus(value) < 0.0 else value
