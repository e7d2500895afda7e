"""Which source of randomness matters, by runs in which one source varies at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Int

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.population import PopulationArrays
from varbench.measures.predictions import disagreement_row_sums, vote_counts
from varbench.stats.crossing import OneAtATime
from varbench.stats.estimate import Estimate
from varbench.stats.jackknife import pair_mean_estimate
from varbench.stats.spread import sd_estimate

Rows = Int[np.ndarray, " r"]


@measure(
    "accuracy_sd_by_source",
    label="SD of test accuracy by source",
    unit="pp",
    better="lower",
    meaning="Standard deviation of the test accuracy over runs in which one source of randomness alone varies.",
    needs=("one_at_a_time",),
)
def accuracy_sd(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Of the runs of each source, the shared baseline among them."""
    n = population.n_examples
    return _each(population, lambda rows: sd_estimate(population.accuracy[rows], level=level, n_examples=n))


@measure(
    "loss_sd_by_source",
    label="SD of test loss by source",
    unit="nats",
    better="lower",
    meaning="Standard deviation of the test loss over runs in which one source of randomness alone varies.",
    needs=("one_at_a_time", "probabilities"),
)
def loss_sd(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Of the usable runs of each source."""
    losses = np.full(population.n_runs, np.nan)
    losses[population.usable] = population.loss

    def spread(rows: Rows) -> Estimate:
        found = losses[rows[population.usable[rows]]]
        return sd_estimate(found, level=level, n_examples=population.n_examples)

    return _each(population, spread)


@measure(
    "disagreement_by_source",
    label="Disagreement by varied source",
    unit="fraction",
    better="lower",
    meaning="Fraction of test examples on which two runs differ that one source of randomness alone sets apart.",
    needs=("one_at_a_time",),
)
def disagreement(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over pairs of the runs of each source; jackknife over runs."""

    def over_pairs(rows: Rows) -> Estimate:
        labels = population.predicted_labels[rows]
        row_sums = disagreement_row_sums(labels, vote_counts(labels, n_classes=population.n_classes))
        return pair_mean_estimate(row_sums, level=level, n_examples=population.n_examples, bounds=(0.0, 1.0))

    return _each(population, over_pairs)


def _each(population: PopulationArrays, estimate: Callable[[Rows], Estimate]) -> list[tuple[At, Estimate]]:
    return [(source, estimate(rows)) for source, rows in _rows(population)]


def _rows(population: PopulationArrays) -> Iterator[tuple[str, Rows]]:
    design = population.one_at_a_time
    assert isinstance(design, OneAtATime)  # what the measures need
    yield from design.rows.items()
