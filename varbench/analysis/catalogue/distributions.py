"""How far apart the logits and the predicted probabilities of two runs are."""

from __future__ import annotations

import math

import numpy as np

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.catalogue.pairs import matrix_mean, mean_over_pairs
from varbench.analysis.population import PopulationArrays
from varbench.measures.agreement import logit_correlation_matrix
from varbench.measures.divergence import js_divergence_matrix, tv_distance_matrix
from varbench.measures.ring import js_divergence_ring, tv_distance_ring
from varbench.stats.estimate import Estimate

MOST_RUNS = 192
"""Runs up to which all pairs are formed: they take R² E K steps."""


@measure(
    "logit_correlation",
    label="Logit correlation",
    unit="correlation",
    better="none",
    meaning="Correlation of two runs' logits over all test examples and classes: 1 when they agree.",
    needs=("logits",),
    respects_levels=True,
)
def logit_correlation(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over pairs of the usable runs of the Pearson correlation of flattened logits.

    Measured coverage of a nominal 95 %, R = 16 and 64 (6,000 and 2,000 repetitions), without effects of how sure a run
    is and with log-normal ones, σ = .3 and .6: .943 to .958 and .947 to .958. Too short for R = 16 where the logits of
    single runs do not go with the others' at all: .90 to .92 with normal factors of mean 1 and SD .4 to .8.
    """
    reason = "a run with constant logits has no correlation"
    logits = population.usable_logits
    pairs = logit_correlation_matrix(logits) if len(logits) > 1 else np.zeros((len(logits), len(logits)))
    shared, n_examples = population.shared_among(population.usable), population.n_examples
    estimate = matrix_mean(pairs, shared, level=level, n_examples=n_examples, bounds=(-1.0, 1.0), reason=reason)
    return [(None, estimate)]


@measure(
    "js_divergence",
    label="Jensen–Shannon divergence",
    unit="nats",
    better="lower",
    meaning="Divergence of two runs' predicted probabilities, 0 (the same) to 0.69 nats, averaged over examples.",
    needs=("probabilities",),
    respects_levels=True,
)
def js_divergence(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over pairs of the usable runs; over those of a ring for more than `MOST_RUNS`.

    Measured coverage as that of the logit correlation: .945 to .958; .91 to .94 for R = 16 in its last case.
    """
    estimate = mean_over_pairs(
        population.usable_logits,
        js_divergence_matrix,
        js_divergence_ring,
        most_runs=MOST_RUNS,
        shared=population.shared_among(population.usable),
        level=level,
        key=key,
        n_examples=population.n_examples,
        bounds=(0.0, math.log(2.0)),
    )
    return [(None, estimate)]


@measure(
    "tv_distance",
    label="Total-variation distance",
    unit="fraction",
    better="lower",
    meaning="Probability mass that two runs place differently, averaged over examples.",
    needs=("probabilities",),
    respects_levels=True,
)
def tv_distance(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over pairs of the usable runs; over those of a ring for more than `MOST_RUNS`.

    Measured coverage as that of the logit correlation: .945 to .958; .91 to .94 for R = 16 in its last case.
    """
    estimate = mean_over_pairs(
        population.usable_logits,
        tv_distance_matrix,
        tv_distance_ring,
        most_runs=MOST_RUNS,
        shared=population.shared_among(population.usable),
        level=level,
        key=key,
        n_examples=population.n_examples,
        bounds=(0.0, 1.0),
    )
    return [(None, estimate)]
