"""Kendall's rank correlation of two quantities, with a jackknife over the units that were ranked."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from varbench.stats.estimate import Estimate
from varbench.stats.jackknife import METHOD, off_diagonal_row_sums, pair_mean, pair_mean_estimate

UNANIMOUS = "all {} ordered alike: Mallows' model, exact"


def kendall(first: Float[np.ndarray, "... N"], second: Float[np.ndarray, "... N"]) -> Float[np.ndarray, ...]:
    """Kendall's τ_a of two quantities over N units: mean over pairs of sign(x_i − x_j) · sign(y_i − y_j).

    In [−1, 1]: 1 where both order the units alike, −1 where in reverse, 0 on average for unrelated ones. (1 + τ) / 2 is
    the share of pairs that one quantity orders as the other does, pairs with ties counted half.

    Args:
        first: Finite.
        second: Finite.

    Returns:
        One value for each row; NaN for fewer than two units.

    Source: Kendall 1938, Biometrika 30.
    """
    n_units = first.shape[-1]
    if n_units < 2:
        return np.full(first.shape[:-1], np.nan)
    return _signs(first, second).sum(axis=(-2, -1)) / (n_units * (n_units - 1))


def kendall_estimate(
    first: Float[np.ndarray, " N"], second: Float[np.ndarray, " N"], *, level: float, units: str
) -> Estimate:
    """Kendall's τ_a with the jackknife of a mean over pairs, which τ_a is: the units are the sample.

    Measured coverage of a nominal 95 % for normal pairs (4,000 repetitions), 10 and 20 units: .955 and .948 where they
    are unrelated, .945 and .958 for a correlation of .8. Where all pairs are ordered alike, or all in reverse, the
    jackknife has no width: the interval is then that of `unanimous_tau`, which for the threshold 0 is the exact
    permutation test.

    Args:
        first: One finite value for each unit, such as a recipe's mean over its runs.
        second: The same of the other quantity.
        level: Nominal coverage.
        units: What was ranked, in the plural; `n_runs` of the estimate counts these.

    Returns:
        No value for fewer than two units, a value without an interval for two.
    """
    sums = off_diagonal_row_sums(_signs(first, second))
    found = pair_mean_estimate(sums, level=level, n_examples=None, bounds=(-1.0, 1.0))
    if len(first) < 3:
        reason = f"a rank correlation with an interval needs at least 3 {units}"
        return replace(found, value=float(pair_mean(sums)) if len(first) == 2 else None, reason=reason)
    if found.value is not None and abs(found.value) >= 1.0 - 1e-12:
        end = unanimous_tau(len(first), level=level)
        low, high = (end, 1.0) if found.value > 0 else (-1.0, -end)
        return replace(found, low=low, high=high, method=UNANIMOUS.format(units), resampled=units)
    return replace(found, method=METHOD.replace("runs", units), resampled=units)


def unanimous_tau(n_units: int, *, level: float) -> float:
    """The lowest τ under which n units are all ordered alike with a probability of at least (1 − level)/2.

    In Mallows' model of rankings, P ∝ q^d with d the number of discordant pairs, all are concordant with probability
    Π_{i ≤ n} (1 − q)/(1 − qⁱ), and E d = n q/(1 − q) − Σ i qⁱ/(1 − qⁱ); τ = 1 − 4 E d/(n (n − 1)). At τ = 0 every
    order is as likely as any other, and the probability is 1/n!, the p value of the exact permutation test.

    Args:
        n_units: At least 2.
        level: Nominal coverage of the two-sided interval that this ends.

    Source: Mallows 1957, Biometrika 44, 114–130.
    """
    from scipy.optimize import brentq

    ranks = np.arange(1, n_units + 1)

    def surplus(log_q: float) -> float:
        return _log_unanimous(log_q, ranks) - math.log((1.0 - level) / 2)

    log_q = float(brentq(surplus, -40.0, 40.0))
    if abs(log_q) < 1e-6:  # here the formula loses its digits, and τ is no farther from 0
        return 0.0
    q = math.exp(-abs(log_q))
    discordant = n_units * q / (1.0 - q) - float((ranks * q**ranks / (1.0 - q**ranks)).sum())
    tau = 1.0 - 4.0 * discordant / (n_units * (n_units - 1))
    return tau if log_q < 0 else -tau


def _log_unanimous(log_q: float, ranks: Int[np.ndarray, " n"]) -> float:
    """log Π (1 − q)/(1 − qⁱ); for q above 1 by qᵈ = (1/q)^(pairs − d) · q^pairs."""
    if log_q == 0.0:
        return -float(np.log(ranks).sum())
    logs = np.log(np.expm1(-abs(log_q)) / np.expm1(-abs(log_q) * ranks))
    pairs = len(ranks) * (len(ranks) - 1) / 2
    return float(logs.sum()) - (log_q * pairs if log_q > 0 else 0.0)


def _signs(first: Float[np.ndarray, "... N"], second: Float[np.ndarray, "... N"]) -> Float[np.ndarray, "... N N"]:
    gaps = [values[..., :, None] - values[..., None, :] for values in (first, second)]
    return np.sign(gaps[0]) * np.sign(gaps[1])
