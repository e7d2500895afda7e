"""Intervals for a mean over disjoint groups of runs: groups that share no run are an independent sample."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from varbench.stats.estimate import UNBOUNDED, Estimate
from varbench.stats.mean import mean_estimate


def disjoint_mean_estimate(
    values: Float[np.ndarray, " G"],
    *,
    size: int,
    level: float,
    n_examples: int | None,
    bounds: tuple[float, float] = UNBOUNDED,
    reason: str = "",
) -> Estimate:
    """Mean over G disjoint groups of runs with Student's t interval over the groups: x̄ ± t_{G−1} s/√G.

    For what is too costly to compute for all pairs or subsets. No run is in two groups, so the groups are independent,
    as pairs that share runs are not; the price is that fewer pairs are seen. Measured coverage of a nominal 95 %
    (20,000 repetitions) with G = 4, 8 and 16: normal .951 .950 .949; gamma(4), skewness 1, .935 .937 .938; gamma(2),
    skewness 1.4, .916 .922 .930: too short there. For barriers between minima on a sphere of 2, 3, 10 and 100
    dimensions (4,000 repetitions) .929 to .943 with G = 8, .938 to .955 with G = 16.

    Args:
        values: One value for each group.
        size: Runs in each group.
        level: Nominal coverage.
        n_examples: Examples behind each value, or None.
        bounds: Range of the quantity; the interval is cut to it.
        reason: Why a value is not finite, where one is not.

    Returns:
        A value without an interval for one group; no value where one of the groups has none.
    """
    groups = "disjoint pairs of runs" if size == 2 else f"disjoint groups of {size} runs"
    if not np.isfinite(values).all():
        values = np.full(len(values), math.nan)
    found = mean_estimate(values, level=level, n_examples=n_examples, bounds=bounds)
    if found.value is None:
        reason = reason or f"the value is not finite in one of the {groups}"
    elif found.low is None:
        reason = f"an interval needs at least 2 {groups}"
    else:
        reason = ""
    return replace(
        found,
        method=f"t over {groups}",
        resampled=groups,
        n_runs=size * len(values),
        reason=reason,
        freedom=None if found.low is None else len(values) - 1,
    )
