"""Whether the runs have similar loss: a test of equivalence within a margin that is fixed here, before looking."""

from __future__ import annotations

import math

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.population import PopulationArrays
from varbench.stats.equivalence import equivalent_loss as test
from varbench.stats.estimate import Estimate, estimate_of

MARGIN = 0.05
"""Margin as a fraction of ln K, the loss of guessing among K classes: 0.115 nats for ten classes."""

ALPHA = 0.05


@measure(
    "equivalent_loss",
    label="Difference in test loss",
    unit="nats",
    better="none",
    meaning="Root-mean-square difference in test loss between two runs; runs count as equivalent where the whole "
    "90 % interval lies below the margin (5 % of ln K).",
    needs=("log_loss",),
)
def equivalent_loss(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """√2 times the SD over the usable runs, with the 1 − 2α interval of the two one-sided tests."""
    margin = margin_for(population.n_classes)
    outcome = test(population.loss, margin=margin, alpha=ALPHA)
    nan = math.nan
    value, low, high = (nan if v is None else v for v in (outcome.difference, outcome.low, outcome.high))
    estimate = estimate_of(
        value,
        low,
        high,
        level=1 - 2 * ALPHA,
        method=outcome.method,
        n_runs=outcome.n_runs,
        n_examples=population.n_examples,
        reason=outcome.reason,
    )
    return [(None, estimate)]


def margin_for(classes: int) -> float:
    """The margin in nats: 5 % of ln K."""
    return MARGIN * math.log(max(classes, 2))
