"""How far apart the logits and the predicted probabilities of two runs are."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.population import PopulationArrays
from varbench.measures.agreement import logit_correlation_matrix
from varbench.measures.divergence import js_divergence_matrix, tv_distance_matrix
from varbench.stats.estimate import Estimate
from varbench.stats.jackknife import off_diagonal_row_sums, pair_mean_estimate


@measure(
    "logit_correlation",
    label="Logit correlation",
    unit="correlation",
    better="none",
    meaning="Correlation of two runs' logits over all test examples and classes: 1 when they agree.",
    needs=("logits",),
)
def logit_correlation(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over pairs of the usable runs of the Pearson correlation of flattened logits."""
    reason = "a run with constant logits has no correlation"
    return _pairs(population, logit_correlation_matrix, level=level, bounds=(-1.0, 1.0), reason=reason)


@measure(
    "js_divergence",
    label="Jensen–Shannon divergence",
    unit="nats",
    better="lower",
    meaning="Divergence of two runs' predicted probabilities, 0 (the same) to 0.69 nats, averaged over examples.",
    needs=("probabilities",),
)
def js_divergence(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over pairs of the usable runs."""
    return _pairs(population, js_divergence_matrix, level=level, bounds=(0.0, math.log(2.0)))


@measure(
    "tv_distance",
    label="Total-variation distance",
    unit="fraction",
    better="lower",
    meaning="Probability mass that two runs place differently, averaged over examples.",
    needs=("probabilities",),
)
def tv_distance(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over pairs of the usable runs."""
    return _pairs(population, tv_distance_matrix, level=level, bounds=(0.0, 1.0))


def _pairs(
    population: PopulationArrays,
    matrix: Callable[[Float[np.ndarray, "r E K"]], Float[np.ndarray, "r r"]],
    *,
    level: float,
    bounds: tuple[float, float],
    reason: str = "",
) -> list[tuple[At, Estimate]]:
    logits = population.usable_logits
    row_sums = off_diagonal_row_sums(matrix(logits)) if len(logits) > 1 else np.zeros(len(logits))
    estimate = pair_mean_estimate(row_sums, level=level, n_examples=population.n_examples, bounds=bounds, reason=reason)
    return [(None, estimate)]
