"""Equivalence within a margin that is stated before looking: two one-sided tests (TOST)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from varbench.errors import InputError
from varbench.stats.mean import t_quantile
from varbench.stats.spread import FEWEST_RUNS, TOO_FEW, log_variance

MEAN = "two one-sided t tests over matched runs"
MEANS = "two one-sided Welch t tests over runs"
PAIRS = "two one-sided tests of the root-mean-square difference between two runs (Bonett, t)"


@dataclass(frozen=True)
class Equivalence:
    """Outcome of two one-sided tests of |difference| < margin.

    Attributes:
        difference: The estimated difference, in the unit of the margin, or None.
        low: Lower end of the (1 − 2α) interval of the difference, or None.
        high: Upper end, or None.
        margin: What counts as equivalent, stated beforehand.
        alpha: Level of each one-sided test.
        p_lower: p value against difference ≤ −margin, or None.
        p_upper: p value against difference ≥ margin, or None.
        equivalent: True where both p values are below α, that is where the interval lies within ±margin;
            None where the test cannot be made. False is "not shown", never "shown to differ".
        n_runs: Runs that entered.
        method: How the test was made.
        reason: Why there is no verdict, where there is none.
    """

    difference: float | None
    low: float | None
    high: float | None
    margin: float
    alpha: float
    p_lower: float | None
    p_upper: float | None
    equivalent: bool | None
    n_runs: int
    method: str
    reason: str = ""


def equivalence_of_mean(differences: Float[np.ndarray, " R"], *, margin: float, alpha: float) -> Equivalence:
    """TOST on the mean of independent differences, one for each run (matched levels in two conditions).

    t = (d̄ ± margin) / (s/√R) with R − 1 degrees of freedom (Schuirmann 1987); equivalent where
    d̄ ± t_{1−α} s/√R lies within ±margin. Rejects with probability at most α where |mean| = margin.

    Args:
        differences: Finite differences in the unit of the margin.
        margin: Above 0.
        alpha: Level of each one-sided test, in (0, 0.5).

    Raises:
        InputError: If the margin or α is out of range.
    """
    _check(margin, alpha)
    n_runs = len(differences)
    if n_runs < 2:
        return _undecided(margin, alpha, n_runs, MEAN, "a test over runs needs at least 2 differences")
    error = float(differences.std(ddof=1)) / math.sqrt(n_runs) if np.ptp(differences) > 0 else 0.0
    return _two_one_sided(float(differences.mean()), error, n_runs - 1.0, margin, alpha, n_runs, MEAN)


def equivalence_of_means(
    first: Float[np.ndarray, " R"], second: Float[np.ndarray, " S"], *, margin: float, alpha: float
) -> Equivalence:
    """TOST on the difference of two conditions' means, runs independent, variances unequal (Welch).

    Args:
        first: One finite value for each run of the first condition.
        second: The same for the second.
        margin: Above 0, in the unit of the values.
        alpha: Level of each one-sided test, in (0, 0.5).

    Raises:
        InputError: If the margin or α is out of range.
    """
    _check(margin, alpha)
    n_runs = len(first) + len(second)
    if min(len(first), len(second)) < 2:
        return _undecided(margin, alpha, n_runs, MEANS, "a test over runs needs at least 2 runs in each condition")
    parts = [values.var(ddof=1) / len(values) if np.ptp(values) > 0 else 0.0 for values in (first, second)]
    total = float(sum(parts))
    shares = [part / total if total else 1.0 for part in parts]
    inverse_freedom = shares[0] ** 2 / (len(first) - 1) + shares[1] ** 2 / (len(second) - 1)
    return _two_one_sided(
        float(first.mean() - second.mean()), math.sqrt(total), 1.0 / inverse_freedom, margin, alpha, n_runs, MEANS
    )


def equivalent_loss(losses: Float[np.ndarray, " R"], *, margin: float, alpha: float) -> Equivalence:
    """Do two runs of one population have the same loss within ± margin? A test of their typical difference.

    The difference L_r − L_s of two exchangeable runs has mean 0 whatever they do, so a test of its mean would
    call any population equivalent once it is large enough. What is tested is its root mean square Δ = √2 σ:
    both one-sided hypotheses, Δ ≥ margin and −Δ ≤ −margin, are one by symmetry. The (1 − 2α) interval is Bonett's.

    Measured probability of calling runs equivalent that lie exactly on the margin, at α = .05, R = 16 and 64:
    normal .040 and .053; gamma(4) .081 and .081; log-normal (σ = ½) .140 and .145. Losses with a long right tail
    pass too often: state the margin with room.

    Args:
        losses: One finite test loss for each run.
        margin: Above 0, in nats.
        alpha: Level of each one-sided test, in (0, 0.5).

    Returns:
        `difference` is Δ, with its interval [low, high] in nats; both p values are the same.

    Raises:
        InputError: If the margin or α is out of range.
    """
    from scipy.special import stdtr

    _check(margin, alpha)
    n_runs = len(losses)
    if n_runs < FEWEST_RUNS:
        return _undecided(margin, alpha, n_runs, PAIRS, TOO_FEW)
    if np.ptp(losses) == 0:
        return Equivalence(0.0, 0.0, 0.0, margin, alpha, 0.0, 0.0, True, n_runs, PAIRS)
    center, error = log_variance(losses, level=1.0 - 2.0 * alpha)
    center += math.log(2.0)
    reach = t_quantile(1.0 - alpha, n_runs - 1) * error
    p_value = float(stdtr(n_runs - 1, (center - 2.0 * math.log(margin)) / error))
    return Equivalence(
        difference=math.sqrt(2.0) * float(losses.std(ddof=1)),
        low=math.exp(0.5 * (center - reach)),
        high=math.exp(0.5 * (center + reach)),
        margin=margin,
        alpha=alpha,
        p_lower=p_value,
        p_upper=p_value,
        equivalent=p_value < alpha,
        n_runs=n_runs,
        method=PAIRS,
    )


def _two_one_sided(
    difference: float, error: float, freedom: float, margin: float, alpha: float, n_runs: int, method: str
) -> Equivalence:
    from scipy.special import stdtr, stdtrit

    if error > 0.0:
        reach = float(stdtrit(freedom, 1.0 - alpha)) * error
        p_lower = float(stdtr(freedom, -(difference + margin) / error))
        p_upper = float(stdtr(freedom, (difference - margin) / error))
    else:
        reach = 0.0
        p_lower = 0.0 if difference > -margin else 1.0
        p_upper = 0.0 if difference < margin else 1.0
    return Equivalence(
        difference=difference,
        low=difference - reach,
        high=difference + reach,
        margin=margin,
        alpha=alpha,
        p_lower=p_lower,
        p_upper=p_upper,
        equivalent=max(p_lower, p_upper) < alpha,
        n_runs=n_runs,
        method=method,
    )


def _undecided(margin: float, alpha: float, n_runs: int, method: str, reason: str) -> Equivalence:
    return Equivalence(None, None, None, margin, alpha, None, None, None, n_runs, method, reason)


def _check(margin: float, alpha: float) -> None:
    if not (math.isfinite(margin) and margin > 0):
        raise InputError(f"The margin of an equivalence test is a positive number, not {margin}; state it beforehand.")
    if not 0.0 < alpha < 0.5:
        raise InputError(f"The level α of an equivalence test lies between 0 and 0.5, not at {alpha}; 0.05 is usual.")
