"""The bootstrap over runs: whole runs are drawn again, pairs are re-formed, and a run is never paired with itself.

A resample is a row of counts [R]: how often each run was drawn. Statistics take counts [B, R] and give [B].
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from varbench.stats.estimate import UNBOUNDED, Estimate, estimate_of
from varbench.stats.streams import BOOTSTRAP, generator

BCA = "BCa bootstrap over runs"
PERCENTILE = "percentile bootstrap over runs (BCa degenerate)"


def resample_counts(n_runs: int, *, n_resamples: int, key: int) -> Int[np.ndarray, "B R"]:
    """How often each run is drawn in each of B resamples of R runs with replacement.

    Args:
        n_runs: R.
        n_resamples: B.
        key: Integer key; the same key gives the same resamples everywhere.
    """
    random = generator(key, BOOTSTRAP)
    return random.multinomial(n_runs, np.full(n_runs, 1.0 / n_runs), size=n_resamples)


def mean_resampled(values: Float[np.ndarray, " R"], counts: Int[np.ndarray, "B R"]) -> Float[np.ndarray, " B"]:
    """Mean of each resample."""
    return counts @ values / counts.sum(axis=1)


def sd_resampled(values: Float[np.ndarray, " R"], counts: Int[np.ndarray, "B R"]) -> Float[np.ndarray, " B"]:
    """Standard deviation of each resample, ddof = 1.

    In `bootstrap_estimate` its interval is too short: measured coverage of a nominal 95 %, R = 16 and 64,
    normal .872 and .933, gamma(4) .827 and .907, log-normal (σ = ½) .754 and .847. `spread.sd_estimate` is
    used for that reason.
    """
    centered = values - values.mean()
    n_runs = counts.sum(axis=1)
    squares = counts @ centered**2 - (counts @ centered) ** 2 / n_runs
    return np.sqrt(np.maximum(squares, 0.0) / (n_runs - 1))


def pair_mean_resampled(matrix: Float[np.ndarray, "R R"], counts: Int[np.ndarray, "B R"]) -> Float[np.ndarray, " B"]:
    """Mean over pairs of each resample, without pairs of a run with itself.

    Σ_{r≠s} n_r n_s D_rs / Σ_{r≠s} n_r n_s, the sums over different runs only: two copies of one run are no
    pair. The diagonal of the matrix is never read.

    Returns:
        NaN for a resample that drew one run only.
    """
    off_diagonal = np.where(np.eye(len(matrix), dtype=bool), 0.0, matrix)
    weights = counts.astype(np.float64)
    pairs = weights.sum(axis=1) ** 2 - np.square(weights).sum(axis=1)
    total = np.einsum("br,br->b", weights @ off_diagonal, weights)
    return np.divide(total, pairs, out=np.full(len(counts), math.nan), where=pairs > 0)


def bootstrap_estimate(
    value: float,
    resampled: Float[np.ndarray, " B"],
    left_out: Float[np.ndarray, " R"],
    *,
    level: float,
    n_examples: int | None,
    bounds: tuple[float, float] = UNBOUNDED,
) -> Estimate:
    """A statistic with the bias-corrected and accelerated bootstrap interval over runs (Efron 1987).

    The ends are the resamples' quantiles at Φ(z₀ + (z₀ + z) / (1 − a (z₀ + z))), z₀ from the share of
    resamples below the value (ties counted half), a = Σ d³ / (6 (Σ d²)^1.5) from d = mean − left-out
    values. Where z₀ or a is not finite, or a resample quantile would be asked for beyond a pole of the
    formula, the percentile interval is given and the method says so. Resamples that are NaN are left out.

    Measured coverage of a nominal 95 %, R = 16 and 64 (1,500 repetitions): a mean of normal values .923 and
    .945, of log-normal ones .905 and .929; a mean over pairs .934 to .953 and .944 to .956. For a mean at
    R = 16 it is too short; Student's t is not.

    Args:
        value: The statistic of the runs as they are.
        resampled: The statistic of each resample.
        left_out: The statistic without run r, for every r.
        level: Nominal coverage.
        n_examples: Test examples behind the statistic, or None.
        bounds: Range of the quantity; the interval is cut to it.

    Returns:
        A value without an interval for R < 3 or where fewer than half of the resamples are finite.
    """
    n_runs = len(left_out)
    finite = resampled[np.isfinite(resampled)]
    low = high = math.nan
    method = BCA
    if n_runs >= 3 and math.isfinite(value) and 2 * len(finite) >= len(resampled) > 0:
        tails = _bca_tails(value, finite, left_out, level=level)
        if tails is None:
            method, tails = PERCENTILE, (0.5 - level / 2, 0.5 + level / 2)
        low, high = (float(end) for end in np.quantile(finite, tails))
    return estimate_of(
        value,
        low,
        high,
        level=level,
        method=method,
        n_runs=n_runs,
        n_examples=n_examples,
        bounds=bounds,
        reason="a bootstrap over runs needs at least 3 runs" if n_runs < 3 else "",
    )


def _bca_tails(
    value: float, resampled: Float[np.ndarray, " B"], left_out: Float[np.ndarray, " R"], *, level: float
) -> tuple[float, float] | None:
    """Probabilities at which to read the resamples, or None where the correction is degenerate."""
    from scipy.special import ndtr, ndtri

    below = (np.count_nonzero(resampled < value) + 0.5 * np.count_nonzero(resampled == value)) / len(resampled)
    deviations = left_out.mean() - left_out
    squares = float(deviations @ deviations)
    if not 0.0 < below < 1.0 or not math.isfinite(squares) or squares <= 0.0:
        return None
    bias = float(ndtri(below))
    acceleration = float((deviations**3).sum()) / (6.0 * squares**1.5)
    reach = bias + ndtri(np.array([0.5 - level / 2, 0.5 + level / 2]))
    room = 1.0 - acceleration * reach
    if room.min() <= 0.0:
        return None
    lower, upper = ndtr(bias + reach / room)
    return float(lower), float(upper)
