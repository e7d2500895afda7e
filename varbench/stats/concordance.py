"""Kendall's rank correlation of two quantities, with a jackknife over the units that were ranked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from varbench.stats.estimate import Estimate
from varbench.stats.jackknife import METHOD, off_diagonal_row_sums, pair_mean, pair_mean_estimate


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
    are unrelated, .945 and .958 for a correlation of .8. Where all pairs are ordered alike it has no width.

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
    return replace(found, method=METHOD.replace("runs", units), resampled=units)


def _signs(first: Float[np.ndarray, "... N"], second: Float[np.ndarray, "... N"]) -> Float[np.ndarray, "... N N"]:
    gaps = [values[..., :, None] - values[..., None, :] for values in (first, second)]
    return np.sign(gaps[0]) * np.sign(gaps[1])
