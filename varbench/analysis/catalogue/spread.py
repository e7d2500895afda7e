"""How much the scores of the runs vary, and how much of that is the test set's sampling noise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.population import PopulationArrays
from varbench.measures.independence import independent_variance, independent_variance_left_out
from varbench.stats.estimate import NO_INTERVAL, UNBOUNDED, Estimate, estimate_of, missing
from varbench.stats.independent import independent_sd_estimate
from varbench.stats.mean import mean_estimate
from varbench.stats.sharing import PAIRS, Sharing, unrelated_sd
from varbench.stats.spread import METHOD_EXCESS, TOO_FEW, excess_variance_interval, sd_estimate

FRACTION = (0.0, 1.0)
LARGEST_VARIANCE = 0.25
"""Of anything in [0, 1]."""

NO_SPREAD = "a spread over runs needs at least 2 runs"


@measure(
    "accuracy_sd",
    label="SD of test accuracy",
    unit="pp",
    better="lower",
    meaning="Standard deviation of the test accuracy from run to run.",
    spread=True,
    respects_levels=True,
)
def accuracy_sd(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Over all runs, ddof = 1; a diverged run has accuracy 0."""
    return [(None, _sd(population.accuracy, population.shared, population, level=level, values_in=FRACTION))]


@measure(
    "loss_sd",
    label="SD of test loss",
    unit="nats",
    better="lower",
    meaning="Standard deviation of the test loss from run to run.",
    needs=("log_loss",),
    spread=True,
    respects_levels=True,
)
def loss_sd(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Over the usable runs, ddof = 1."""
    return [(None, _sd(population.loss, population.shared_among(population.usable), population, level=level))]


@measure(
    "accuracy_sampling_se",
    label="Sampling error of the test set",
    unit="pp",
    better="lower",
    meaning="Standard error of one run's accuracy on a test set of this size: what it can resolve at all.",
)
def accuracy_sampling_se(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """√(a (1 − a) / E) at the mean accuracy a; its interval is the image of the accuracy's."""
    mean = mean_estimate(population.accuracy, level=level, n_examples=population.n_examples, bounds=(0.0, 1.0))
    ends = [math.nan if end is None else end for end in (mean.low, mean.high)]
    at_ends = [_sampling_se(end, population.n_examples) for end in ends]
    around_half = ends[0] <= 0.5 <= ends[1]
    estimate = estimate_of(
        _sampling_se(float(population.accuracy.mean()), population.n_examples),
        min(at_ends),
        _sampling_se(0.5, population.n_examples) if around_half else max(at_ends),
        level=level,
        method=f"{mean.method}, transformed",
        n_runs=population.n_runs,
        n_examples=population.n_examples,
        reason=mean.reason,
    )
    return [(None, estimate)]


@measure(
    "accuracy_sd_independent",
    label="SD of test accuracy, examples independent",
    unit="pp",
    better="none",
    meaning="Standard deviation of the test accuracy if runs failed on each test example independently.",
    spread=True,
)
def accuracy_sd_independent(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """√(E⁻² Σᵢ Var_r(errᵢ)), over all runs."""
    return [(None, independent_sd_estimate(population.correct, level=level))]


@measure(
    "accuracy_sd_distribution",
    label="SD of true accuracy",
    unit="pp",
    better="lower",
    meaning="Run-to-run standard deviation of the accuracy on the whole distribution, test-set noise removed.",
    spread=True,
)
def accuracy_sd_distribution(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Square root of `accuracy_variance_distribution`, 0 where that is negative."""
    return [(None, _excess(population, level=level, root=True))]


@measure(
    "accuracy_variance_distribution",
    label="Variance of true accuracy (signed)",
    unit="none",
    better="lower",
    meaning="Run-to-run variance of the accuracy on the whole distribution; below 0 by chance if near 0.",
    spread=True,
)
def accuracy_variance_distribution(
    population: PopulationArrays, *, level: float, key: int
) -> list[tuple[At, Estimate]]:
    """E/(E−1) · [Var_r(err) − E⁻² Σᵢ Var_r(errᵢ)], ddof = 1 in both, as it comes out."""
    return [(None, _excess(population, level=level, root=False))]


def _sd(
    values: Float[np.ndarray, " r"],
    shared: Sharing | None,
    population: PopulationArrays,
    *,
    level: float,
    values_in: tuple[float, float] = UNBOUNDED,
) -> Estimate:
    """The SD over runs; where they share levels, that of the pairs that share none, without an interval."""
    found = sd_estimate(values, level=level, n_examples=population.n_examples, values_in=values_in)
    unrelated = math.nan if shared is None else unrelated_sd(values, shared)
    if shared is None or not math.isfinite(unrelated):
        return found
    return replace(
        found,
        value=unrelated,
        low=None,
        high=None,
        method=NO_INTERVAL,
        resampled="none",
        reason=f"{shared.reason}; the value is that of {PAIRS}",
    )


def _sampling_se(accuracy: float, n_examples: int) -> float:
    return math.sqrt(accuracy * (1.0 - accuracy) / n_examples)


def _excess(population: PopulationArrays, *, level: float, root: bool) -> Estimate:
    """The signed variance, or its root cut at 0; the interval holds for these test examples, over runs.

    Over runs alone: the target is the mean covariance of two examples of this test set, which estimates the
    variance of the true accuracy; how it would change with another test set is not in the interval. It is cut where
    no variance of a fraction can lie, above ¼.
    """
    n_runs, n_examples = population.n_runs, population.n_examples
    if n_runs < 2 or n_examples < 2:
        reason = NO_SPREAD if n_runs < 2 else "telling runs from test noise needs at least 2 test examples"
        return missing(reason, level=level, n_runs=n_runs, n_examples=n_examples)
    accuracies, part = population.accuracy, independent_variance(population.correct)
    low, high = excess_variance_interval(
        accuracies, part, independent_variance_left_out(population.correct), level=level
    )
    scale = n_examples / (n_examples - 1)
    found = [scale * (float(accuracies.var(ddof=1)) - part), scale * low, scale * high]
    if root:
        found = [math.sqrt(max(0.0, number)) if math.isfinite(number) else number for number in found]
    return estimate_of(
        *found,
        level=level,
        method=METHOD_EXCESS,
        n_runs=n_runs,
        n_examples=n_examples,
        bounds=(-math.inf, math.sqrt(LARGEST_VARIANCE) if root else LARGEST_VARIANCE),
        reason=TOO_FEW,
    )
