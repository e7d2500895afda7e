"""Power of the t tests of a difference of means, exact for normal values, and what follows from it for planning."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from varbench.errors import InputError
from varbench.stats.planning import (
    check_error_rates,
    detectable_difference_normal,
    runs_for_difference_normal,
    smallest_runs,
)

FEWEST_RUNS = 2
NODES = 128
"""Points at which the ratio of the two sample variances is averaged over."""

SMALLEST, LARGEST = 1e-50, 1e50
OUT_OF_RANGE = f"a plan reckons with numbers from {SMALLEST:g} to {LARGEST:g}"


def paired_power(sd: float, difference: float, n_runs: int, *, alpha: float) -> float:
    """Chance that a two-sided paired t test finds a difference in the right direction.

    P(T > t_{R−1, 1−α/2}) for T noncentral t with R − 1 degrees of freedom and noncentrality δ √R / σ_d.

    Args:
        sd: σ_d, the SD of the differences of matched runs; above 0.
        difference: δ, the true mean difference; only its size matters.
        n_runs: R, pairs of runs, 2 or more.
        alpha: Two-sided level.
    """
    from scipy.special import stdtrit

    shift = abs(difference) * math.sqrt(n_runs) / sd
    return float(_beyond(stdtrit(n_runs - 1, 1.0 - alpha / 2), n_runs - 1, shift))


def welch_power(sd: float, difference: float, n_runs: int, *, alpha: float, other_sd: float | None = None) -> float:
    """Chance that a two-sided Welch t test of R against R runs finds a difference in the right direction.

    Exact for normal values. With B ~ Beta((R−1)/2, (R−1)/2) the share of the first sample in the standardized squares,
    V₁ = σ₁² B and V₂ = σ₂² (1 − B), Welch's statistic is c(B) T with T noncentral t of 2(R−1) degrees of freedom,
    independent of B, and c² = (σ₁² + σ₂²) / (2 (V₁ + V₂)); its degrees of freedom are
    ν(B) = (R−1)(V₁ + V₂)² / (V₁² + V₂²). The power is the mean over B of P(T > t_{ν(B), 1−α/2} / c(B)). The usual
    noncentral t with 2(R−1) degrees of freedom promises too much for few runs (.62 where .51 holds at R = 3).

    Args:
        sd: σ₁, the SD over runs of one pipeline; above 0.
        difference: δ, the true difference of the means; only its size matters.
        n_runs: R, runs of each pipeline, 2 or more.
        alpha: Two-sided level.
        other_sd: σ₂, where it is not σ₁.
    """
    from scipy.special import betaincinv, stdtrit

    first, second = sd**2, (sd if other_sd is None else other_sd) ** 2
    each = n_runs - 1
    share = betaincinv(each / 2, each / 2, (np.arange(NODES) + 0.5) / NODES)
    parts = first * share, second * (1.0 - share)
    total = parts[0] + parts[1]
    freedom = each * total**2 / (parts[0] ** 2 + parts[1] ** 2)
    stretch = np.sqrt((first + second) / (2.0 * total))
    shift = abs(difference) / math.sqrt((first + second) / n_runs)
    return float(np.mean(_beyond(stdtrit(freedom, 1.0 - alpha / 2) / stretch, 2 * each, shift)))


def _beyond(critical: Any, freedom: int, shift: float) -> Any:
    """P(T > critical), T noncentral t; where SciPy fails, from about 10⁶ on, by P(shift / √(χ²/ν) > critical)."""
    from scipy.special import chdtrc, nctdtr

    below = nctdtr(freedom, shift, critical)
    return 1.0 - np.where(np.isnan(below), chdtrc(freedom, freedom * (shift / critical) ** 2), below)


def power_of_test(
    sd: float, difference: float, n_runs: int, *, alpha: float, paired: bool, other_sd: float | None = None
) -> float:
    """`paired_power` or `welch_power`."""
    if paired:
        return paired_power(sd, difference, n_runs, alpha=alpha)
    return welch_power(sd, difference, n_runs, alpha=alpha, other_sd=other_sd)


def runs_for_difference(
    sd: float, difference: float, *, alpha: float, power: float, paired: bool, other_sd: float | None = None
) -> int:
    """Fewest runs of each pipeline with which the paired or the Welch t test has the wanted power.

    Measured power at the planned runs of a nominal .80 (normal values, 100,000 repetitions), differences of .65, 1 and
    1.5 σ: Welch .810 .805 .843 at R = 39, 17, 9; paired .811 .801 .834 at R = 21, 10, 6. What is
    above .80 is the rounding up to whole runs. The runs of the closed form with normal quantiles have .72 to .80, .53
    to .76.

    Args:
        sd: σ over runs of one pipeline; of the differences where paired.
        difference: δ, not 0.
        alpha: Two-sided level.
        power: Wanted chance to find δ.
        paired: Runs are matched one by one.
        other_sd: σ of the other pipeline, where it is another one; not with `paired`.

    Raises:
        InputError: If an argument is out of range or the goal takes more than `planning.MOST_RUNS` runs.
    """
    check_error_rates(alpha, power)
    check_sd(sd)
    check_difference(difference)
    average = _average_sd(sd, other_sd, paired=paired)
    guess = runs_for_difference_normal(average, difference, alpha=alpha, power=power, paired=paired)
    return smallest_runs(
        lambda runs: power_of_test(sd, difference, runs, alpha=alpha, paired=paired, other_sd=other_sd) >= power,
        guess=guess,
        fewest=FEWEST_RUNS,
    )


def detectable_difference(
    sd: float, n_runs: int, *, alpha: float, power: float, paired: bool, other_sd: float | None = None
) -> float:
    """Smallest difference that the paired or the Welch t test of R against R runs finds with the wanted power.

    Raises:
        InputError: If an argument is out of range.
    """
    from scipy.optimize import brentq

    check_error_rates(alpha, power)
    check_sd(sd)
    if n_runs < FEWEST_RUNS:
        raise InputError(f"A comparison needs at least {FEWEST_RUNS} runs of each pipeline, not {n_runs}.")
    low = detectable_difference_normal(
        _average_sd(sd, other_sd, paired=paired), n_runs, alpha=alpha, power=power, paired=paired
    )

    def short(difference: float) -> float:
        return power - power_of_test(sd, difference, n_runs, alpha=alpha, paired=paired, other_sd=other_sd)

    high = 2.0 * low
    while short(high) > 0:
        high *= 2.0
    return float(brentq(short, 0.0, high, xtol=1e-9 * high))


def check_sd(sd: float) -> None:
    """Refuse what is no spread.

    Raises:
        InputError: If the SD is not a positive number, or too small or too large.
    """
    if not (math.isfinite(sd) and sd > 0):
        raise InputError(f"The standard deviation over runs is {sd:g}; a plan needs one above 0.")
    if not SMALLEST <= sd <= LARGEST:
        raise InputError(f"The standard deviation over runs is {sd:g}; {OUT_OF_RANGE}.")


def check_difference(difference: float) -> None:
    """Refuse what is no difference.

    Raises:
        InputError: If the difference is 0, not finite, or too small or too large.
    """
    if not (math.isfinite(difference) and difference != 0):
        raise InputError(f"The difference to detect is {difference:g}; give one that is not 0.")
    if not SMALLEST <= abs(difference) <= LARGEST:
        raise InputError(f"The difference to detect is {difference:g}; {OUT_OF_RANGE}.")


def _average_sd(sd: float, other_sd: float | None, *, paired: bool) -> float:
    if other_sd is None:
        return sd
    if paired:
        raise InputError("A paired plan has one SD, that of the differences; leave the other one out.")
    check_sd(other_sd)
    return math.sqrt((sd**2 + other_sd**2) / 2)
