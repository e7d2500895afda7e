"""A mean over all pairs of one run of each of two conditions, with an interval over the runs of both."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from varbench.stats.estimate import UNBOUNDED, Estimate, estimate_of
from varbench.stats.jackknife import jackknife_variance

METHOD = "jackknife over runs of both conditions"
TOO_FEW = "an interval over the runs of two conditions needs at least 2 runs in each"


def two_sample_estimate(
    value: float,
    first_left_out: Float[np.ndarray, " R"],
    second_left_out: Float[np.ndarray, " S"],
    *,
    level: float,
    n_examples: int | None,
    bounds: tuple[float, float] = UNBOUNDED,
    reason: str = "",
) -> Estimate:
    """A statistic of two independent conditions with the interval value ± t √(V₁ + V₂).

    V₁ and V₂ are the jackknife variances of leaving out a run of either condition, t has Welch's degrees of freedom.
    What only a pair brings counts in both, so the interval is too wide rather than too short.
    Measured coverage of a nominal 95 % for churn, 16 and 64 runs in each condition (600 repetitions): .962 and .955
    without effects of the quality of runs, .952 and .950 with strong ones.

    Args:
        value: The statistic of all runs.
        first_left_out: The statistic without run r of the first condition.
        second_left_out: The statistic without run s of the second condition.
        level: Nominal coverage.
        n_examples: Test examples behind the statistic, or None.
        bounds: Range of the quantity; the interval is cut to it.
        reason: Why the value is not finite, where it is not.

    Returns:
        A value without an interval where a condition has one run, or a left-out value is not finite.
    """
    from scipy.special import stdtrit

    both, half = (first_left_out, second_left_out), math.nan
    enough = min(map(len, both)) > 1
    if enough and all(bool(np.isfinite(values).all()) for values in both):
        parts = [jackknife_variance(values) for values in both]
        total = math.fsum(parts)
        shares = [part / total if total > 0.0 else 1.0 for part in parts]
        freedom = 1.0 / math.fsum(share**2 / (len(values) - 1) for share, values in zip(shares, both, strict=True))
        half = float(stdtrit(freedom, 0.5 + level / 2)) * math.sqrt(total)
    if math.isfinite(value) or not reason:
        reason = "the value is not defined without one of the runs" if enough else TOO_FEW
    return estimate_of(
        value,
        value - half,
        value + half,
        level=level,
        method=METHOD,
        n_runs=sum(map(len, both)),
        n_examples=n_examples,
        bounds=bounds,
        reason=reason,
    )
