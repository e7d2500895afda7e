"""Variance components of a balanced crossed design: how much of the variance from run to run each source brings.

Model: value = μ + Σ_T effect_T + residual, T any set of 2 or 3 sources, all effects random. σ²_T is the variance of
effect_T, for vectors the expected squared length. Estimates are the moments of the analysis of variance, unbiased, and
left as they come out: below 0 by chance where a component is near 0, never renormalized.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from varbench.measures.effects import Term, terms
from varbench.stats.estimate import UNBOUNDED, Estimate, estimate_of
from varbench.stats.jackknife import jackknife_variance
from varbench.stats.mean import t_quantile

METHOD = "jackknife over levels of the log mean squares, combined (MOVER)"
FEWEST_LEVELS = 4
TOO_FEW = f"an interval by leaving out one level needs at least {FEWEST_LEVELS} levels of each source"
LARGEST_REACH = 100.0
"""An interval from e⁻¹⁰⁰ to e¹⁰⁰ times the value says nothing: there is none then."""
RESIDUAL = "residual"


class MeanSquare(NamedTuple):
    """A mean square of the analysis of variance with its interval (NaN where it has none)."""

    value: float
    low: float
    high: float


Energies = Mapping[Term, Float[np.ndarray, "..."]]
Weights = Mapping[Term, float]
"""Coefficients of mean squares in a component."""


def component_names(sources: Sequence[str], *, replicates: int) -> dict[Term, str]:
    """Names of the components; without replicates the highest interaction and the residual are one, and it says so."""
    residual = tuple(range(len(sources) + 1))
    names = {term: " × ".join(sources[axis] for axis in term) for term in terms(len(sources))}
    if replicates == 1:
        names[residual[:-1]] += f" + {RESIDUAL}"
        return names
    return {**names, residual: RESIDUAL}


def mean_squares(energies: Energies, shape: tuple[int, ...], *, level: float) -> dict[Term, MeanSquare]:
    """MS_T = (runs at one level of T) · Σ ‖effect_T‖² / degrees of freedom, with intervals on the scale of ln MS.

    exp(ln MS_T ± t √V), t with one degree of freedom less than the source of T with the fewest levels has levels. V is
    the sum of the leave-one-level-out jackknife variances of ln MS_T over the sources of T, less what two sources count
    twice (for two: the variance over cells; Cameron, Gelbach & Miller 2011), not below the smallest of them.

    Args:
        energies: From `effect_energies`.
        shape: A, B(, C), n.
        level: Nominal coverage.

    Returns:
        By term, the residual among them where n > 1.
    """
    n_factors = len(shape) - 1
    residual = tuple(range(len(shape)))
    found = {}
    for term in (*terms(n_factors), *([residual] if shape[-1] > 1 else [])):
        levels = [shape[axis] for axis in term if axis < n_factors]
        freedom = math.prod(n - 1 for n in levels) if term != residual else math.prod(levels) * (shape[-1] - 1)
        energy = energies[term] if term != residual else energies[term].sum(axis=-1)
        total, repeats = float(energy.sum()), 1 if term == residual else math.prod(shape) // math.prod(levels)
        value = repeats * total / freedom
        if total == 0.0:
            found[term] = MeanSquare(0.0, 0.0, 0.0)
            continue
        reach = math.nan
        if min(levels) >= FEWEST_LEVELS:
            spread = math.sqrt(_log_variance(energy, centered=term != residual))
            reach = t_quantile(0.5 + level / 2, min(levels) - 1) * spread
        factor = math.exp(reach) if reach < LARGEST_REACH else math.nan
        found[term] = MeanSquare(value, value / factor, value * factor)
    return found


def component_weights(shape: tuple[int, ...]) -> dict[Term, Weights]:
    """Each component as a combination of mean squares, from E[MS_T] = Σ_{U ⊇ T} (runs at one level of U) σ²_U.

    σ²_T = Σ_{U ⊇ T} (−1)^{|U|−|T|} MS_U / (runs at one level of T); with replicates the residual, which is its own
    mean square, is also a set above the highest interaction.

    Args:
        shape: A, B(, C), n.
    """
    n_factors = len(shape) - 1
    residual = tuple(range(len(shape)))
    found: dict[Term, Weights] = {}
    for term in terms(n_factors):
        repeats = math.prod(shape) // math.prod(shape[axis] for axis in term)
        above = [other for other in terms(n_factors) if set(term) <= set(other)]
        weights = {other: (-1.0) ** (len(other) - len(term)) / repeats for other in above}
        if shape[-1] > 1 and len(term) == n_factors:
            weights[residual] = -1.0 / repeats
        found[term] = weights
    if shape[-1] > 1:
        found[residual] = {residual: 1.0}
    return found


def variance_components(
    energies: Energies,
    shape: tuple[int, ...],
    *,
    level: float,
    n_examples: int | None,
    resampled: str,
    bounds: tuple[float, float] = UNBOUNDED,
) -> dict[Term, Estimate]:
    """σ²_T of each set of sources, and their sum under the term (), with intervals over the levels of the sources.

    A component is a difference of mean squares; its interval is put together from theirs by the method of variance
    estimates recovery (Zou & Donner 2008), as if they were independent, which normal effects make them.

    Measured coverage of a nominal 95 % for two sources with 8 × 8 and 16 × 16 levels (400 to 4,000 repetitions; all
    components 1, the interaction alone, or a main effect of 1 with an interaction of .2): main effects .93 to .98 with
    normal effects, and with gamma(4) ones .95 to .99 for 50 values a run but .90 to .97 for one value: too short there;
    interactions .96 to .99; the sum .93 to .99 (.90 once, gamma, one value). Where interactions are larger at some
    levels of both sources than at others (log-normal, σ = .4), theirs has .91 to .93. With three sources of 6 levels
    each, interactions have .99 to 1. At 4 × 4: .95 to .995. Skewed as the losses of trained networks are, one value a
    run has less at any number of levels: .85 to .93 for main effects (500 repetitions each of 5 × 4, 8 × 8, 16 × 16).
    The plain leave-one-level-out jackknife of the component, its variances summed over the sources, has .87 (gamma) to
    .91 (normal) for a main effect of one value a run, and .997 where there is none: the logarithms and the terms that
    are taken off again are there for that reason.

    Args:
        energies: From `effect_energies`.
        shape: A, B(, C), n; the levels of each source and the replicates.
        level: Nominal coverage.
        n_examples: Test examples behind the values, or None.
        resampled: What the interval generalizes over, in words.
        bounds: Range of a component; the interval is cut to it, which takes nothing from its coverage.

    Returns:
        By term; a value without an interval where a source has fewer than 4 levels.
    """
    squares = mean_squares(energies, shape, level=level)
    weights = component_weights(shape)
    found = {}
    for term, chosen in {**weights, (): total_weights(shape)}.items():
        low, high = combined_interval(squares, chosen)
        found[term] = _estimate(
            combined_value(squares, chosen),
            low,
            high,
            shape,
            level=level,
            n_examples=n_examples,
            resampled=resampled,
            bounds=bounds,
        )
    return found


def combined_interval(squares: Mapping[Term, MeanSquare], weights: Weights) -> tuple[float, float]:
    """Interval for Σ c_T E[MS_T]: each end is off the value by the root of the sum of squares of what moves it."""
    value, below, above = combined_value(squares, weights), 0.0, 0.0
    for term, weight in weights.items():
        square = squares[term]
        down, up = weight * (square.value - square.low), weight * (square.high - square.value)
        below, above = math.hypot(below, down if weight > 0 else up), math.hypot(above, up if weight > 0 else down)
    return value - below, value + above


def combined_value(squares: Mapping[Term, MeanSquare], weights: Weights) -> float:
    """Σ c_T MS_T."""
    return math.fsum(weight * squares[term].value for term, weight in weights.items())


def total_weights(shape: tuple[int, ...]) -> Weights:
    """The sum of all components as a combination of mean squares: no coefficient is below 0."""
    summed: dict[Term, float] = {}
    for weights in component_weights(shape).values():
        for term, weight in weights.items():
            summed[term] = summed.get(term, 0.0) + weight
    return summed


def _log_variance(energy: Float[np.ndarray, ...], *, centered: bool) -> float:
    """Variance of the log of a mean square, by leaving out levels of each of its sources.

    Without level a of a source with n levels, Σ ‖effect‖² is exactly Σ − n/(n−1) · (that of level a) on n − 1 levels;
    what is left of the residual, which is not centered over levels, is Σ − (that of level a).
    """
    axes = range(energy.ndim)
    single = [_left_out_variance(energy.sum(axis=tuple(set(axes) - {axis})), centered=centered) for axis in axes]
    variance = math.fsum(single)
    for size in range(2, energy.ndim + 1):
        for chosen in combinations(axes, size):
            cells = energy.sum(axis=tuple(set(axes) - set(chosen))).ravel()
            deviations = cells / cells.mean() - 1.0
            shared = float(deviations @ deviations) / (cells.size * (cells.size - 1))
            variance += (-1.0) ** (size - 1) * shared
    return max(variance, min(single))


def _left_out_variance(energy: Float[np.ndarray, " L"], *, centered: bool) -> float:
    """Jackknife variance of the log; infinite where the others have nothing left without one level."""
    n_levels = len(energy)
    left = 1.0 - energy / energy.sum() * (n_levels / (n_levels - 1) if centered else 1.0)
    if left.min() <= 1e-12:
        return math.inf
    return jackknife_variance(np.log(left))


def _estimate(
    value: float,
    low: float,
    high: float,
    shape: tuple[int, ...],
    *,
    level: float,
    n_examples: int | None,
    resampled: str,
    bounds: tuple[float, float],
) -> Estimate:
    few = min(shape[:-1]) < FEWEST_LEVELS
    return estimate_of(
        value,
        low,
        high,
        level=level,
        method=METHOD,
        n_runs=math.prod(shape),
        n_examples=n_examples,
        resampled=resampled,
        bounds=bounds,
        reason=TOO_FEW if few else "the differences between the runs rest on a single level",
    )
