"""Does one source of randomness spread the runs more than another? Tests and intervals for two or more spreads."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from varbench.stats.estimate import Estimate, estimate_of
from varbench.stats.significance import Significance
from varbench.stats.spread import FEWEST_RUNS, log_variance

BROWN_FORSYTHE = "Brown–Forsythe test of equal spreads"
RATIO = "Bonett on the log scale, two conditions (Welch t)"
FEW_GROUPS = "a comparison of spreads needs at least 2 conditions of at least 2 runs"
FEW_RUNS = f"an interval for a ratio of spreads needs at least {FEWEST_RUNS} runs in each condition"


def equal_spreads(conditions: Sequence[Float[np.ndarray, " _"]]) -> Significance:
    """Brown and Forsythe's test that independent conditions have the same spread.

    The F of one-way analysis of variance on |x − median of its condition| (Brown & Forsythe 1974, JASA 69, 364–367),
    with G − 1 and N − G degrees of freedom. Measured size at α = .05, two conditions, R = 16 and 64 (8,000
    repetitions): normal .039 and .047, gamma(4) .039 and .050, log-normal (σ = ½) .044 and .046.

    Args:
        conditions: Finite values of the runs of each condition.

    Returns:
        Without a p value for fewer than two conditions of at least two runs, and where no value is off its median.
    """
    n_runs = sum(map(len, conditions))
    if len(conditions) < 2 or min(map(len, conditions)) < 2:
        return Significance(None, None, BROWN_FORSYTHE, n_runs, FEW_GROUPS)
    gaps = [np.abs(values - np.median(values)) for values in conditions]
    means = np.array([gap.mean() for gap in gaps])
    sizes = np.array([len(gap) for gap in gaps])
    within = sum(float(np.square(gap - gap.mean()).sum()) for gap in gaps if np.ptp(gap) > 0)
    freedom, rest = len(gaps) - 1, n_runs - len(gaps)
    if within == 0.0:
        return Significance(None, None, BROWN_FORSYTHE, n_runs, "the values lie equally far from their medians")
    between = float(sizes @ np.square(means - sizes @ means / n_runs))
    statistic = (between / freedom) / (within / rest)
    from scipy.special import fdtrc

    return Significance(statistic, float(fdtrc(freedom, rest, statistic)), BROWN_FORSYTHE, n_runs)


def spread_ratio_estimate(
    first: Float[np.ndarray, " R"], second: Float[np.ndarray, " S"], *, level: float, n_examples: int | None
) -> Estimate:
    """SD of the second condition over SD of the first, ddof = 1, runs independent; 1 is the same spread.

    exp(½ [ln σ̂₂² − ln σ̂₁² ± t_ν √(e₁² + e₂²)]) with Bonett's centers and standard errors of both (`log_variance`)
    and Welch's ν. Measured coverage of a nominal 95 %, R = 16 and 64 (4,000 repetitions): normal .959 and .952,
    gamma(4) .954 and .950, log-normal (σ = ½) .927 and .924; with four times the runs in the second condition, normal
    .963 and .941.

    Args:
        first: One finite value for each run of the first condition.
        second: The same for the second.
        level: Nominal coverage.
        n_examples: Test examples behind each value, or None.

    Returns:
        No value where the first condition has no spread, a value without an interval for fewer than 5 runs in a
        condition or where the second has no spread.
    """
    from scipy.special import stdtrit

    sizes = (len(first), len(second))
    spreads = [float(x.std(ddof=1)) if len(x) > 1 and np.ptp(x) > 0 else 0.0 for x in (first, second)]
    value = spreads[1] / spreads[0] if min(sizes) > 1 and spreads[0] > 0.0 else math.nan
    low = high = math.nan
    reason = FEW_RUNS if min(sizes) > 1 else "a ratio of spreads needs at least 2 runs in each condition"
    if min(sizes) > 1 and min(spreads) == 0.0:
        reason = "a condition without any spread has no ratio to another"
    elif min(sizes) >= FEWEST_RUNS:
        (center_1, error_1), (center_2, error_2) = (log_variance(x, level=level) for x in (first, second))
        squares = (error_1**2, error_2**2)
        freedom = sum(squares) ** 2 / sum(s**2 / (n - 1) for s, n in zip(squares, sizes, strict=True))
        reach = float(stdtrit(freedom, 0.5 + level / 2)) * math.sqrt(sum(squares))
        low, high = (math.exp(0.5 * (center_2 - center_1 + end)) for end in (-reach, reach))
    return estimate_of(
        value,
        low,
        high,
        level=level,
        method=RATIO,
        n_runs=sum(sizes),
        n_examples=n_examples,
        reason=reason,
    )
