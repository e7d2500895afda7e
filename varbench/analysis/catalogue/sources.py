"""Which source of randomness matters, by runs in which one source varies at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Int

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.population import PopulationArrays
from varbench.measures.predictions import disagreement_row_sums, vote_counts
from varbench.stats.crossing import OneAtATime
from varbench.stats.estimate import NO_INTERVAL, Estimate
from varbench.stats.jackknife import pair_mean_estimate
from varbench.stats.multiple import holm
from varbench.stats.spread import sd_estimate
from varbench.stats.spread_test import equal_spreads, spread_ratio_estimate

Rows = Int[np.ndarray, " r"]


@measure(
    "accuracy_sd_by_source",
    label="SD of test accuracy by source",
    unit="pp",
    better="lower",
    meaning="Standard deviation of the test accuracy over runs in which one source of randomness alone varies.",
    needs=("one_at_a_time",),
    respects_levels=True,
)
def accuracy_sd(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Of the runs of each source, the shared baseline among them."""

    def spread(rows: Rows) -> Estimate:
        found = population.accuracy[rows]
        return sd_estimate(found, level=level, n_examples=population.n_examples, values_in=(0.0, 1.0))

    return _each(population, spread)


@measure(
    "loss_sd_by_source",
    label="SD of test loss by source",
    unit="nats",
    better="lower",
    meaning="Standard deviation of the test loss over runs in which one source of randomness alone varies.",
    needs=("one_at_a_time", "log_loss"),
    respects_levels=True,
)
def loss_sd(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Of the usable runs of each source."""
    losses = _losses(population)

    def spread(rows: Rows) -> Estimate:
        found = losses[rows[population.usable[rows]]]
        return sd_estimate(found, level=level, n_examples=population.n_examples)

    return _each(population, spread)


@measure(
    "accuracy_sd_ratio_by_source",
    label="SD of test accuracy, source over the others",
    unit="ratio",
    better="none",
    meaning="SD of the test accuracy where this source alone varies over that where another one does; 1 is the same.",
    needs=("one_at_a_time",),
    respects_levels=True,
)
def accuracy_sd_ratio(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Of all runs but the shared baseline; the others are pooled around the mean of their own source."""
    return _ratios(population, population.accuracy, level=level)


@measure(
    "loss_sd_ratio_by_source",
    label="SD of test loss, source over the others",
    unit="ratio",
    better="none",
    meaning="SD of the test loss where this source alone varies over that where another one does; 1 is the same.",
    needs=("one_at_a_time", "log_loss"),
    respects_levels=True,
)
def loss_sd_ratio(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Of the usable runs but the shared baseline; the others are pooled around the mean of their own source."""
    return _ratios(population, _losses(population), level=level)


@measure(
    "accuracy_sd_p_by_source",
    label="p of an equal SD of test accuracy",
    unit="probability",
    better="none",
    meaning="p value of the test that this source spreads the test accuracy as the others do, Holm-adjusted.",
    needs=("one_at_a_time",),
    respects_levels=True,
)
def accuracy_sd_p(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Brown and Forsythe's test of the runs of one source against those of the others, the baseline left out."""
    return _tests(population, population.accuracy, level=level)


@measure(
    "loss_sd_p_by_source",
    label="p of an equal SD of test loss",
    unit="probability",
    better="none",
    meaning="p value of the test that this source spreads the test loss as the others do, Holm-adjusted.",
    needs=("one_at_a_time", "log_loss"),
    respects_levels=True,
)
def loss_sd_p(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Brown and Forsythe's test of the usable runs of one source against the others, the baseline left out."""
    return _tests(population, _losses(population), level=level)


@measure(
    "disagreement_by_source",
    label="Disagreement by varied source",
    unit="fraction",
    better="lower",
    meaning="Fraction of test examples on which two runs differ that one source of randomness alone sets apart.",
    needs=("one_at_a_time",),
    respects_levels=True,
)
def disagreement(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over pairs of the runs of each source; jackknife over runs."""

    def over_pairs(rows: Rows) -> Estimate:
        labels = population.predicted_labels[rows]
        row_sums = disagreement_row_sums(labels, vote_counts(labels, n_classes=population.n_classes))
        return pair_mean_estimate(row_sums, level=level, n_examples=population.n_examples, bounds=(0.0, 1.0))

    return _each(population, over_pairs)


def _losses(population: PopulationArrays) -> Float[np.ndarray, " R"]:
    """Losses of all runs, NaN for those that are not usable."""
    losses = np.full(population.n_runs, np.nan)
    losses[population.usable] = population.loss
    return losses


def _against_others(
    population: PopulationArrays, values: Float[np.ndarray, " R"]
) -> Iterator[tuple[str, Float[np.ndarray, " _"], Float[np.ndarray, " _"]]]:
    """For each source its finite values, and those of the others, each around its own source's mean."""
    own = {source: values[rows[1:]] for source, rows in _rows(population)}
    own = {source: found[np.isfinite(found)] for source, found in own.items()}
    centered = {source: found - (found.mean() if found.size else 0.0) for source, found in own.items()}
    for source, found in own.items():
        yield source, found, np.concatenate([rest for other, rest in centered.items() if other != source])


def _ratios(
    population: PopulationArrays, values: Float[np.ndarray, " R"], *, level: float
) -> list[tuple[At, Estimate]]:
    n_examples = population.n_examples
    return [
        (source, spread_ratio_estimate(others, own, level=level, n_examples=n_examples))
        for source, own, others in _against_others(population, values)
    ]


def _tests(population: PopulationArrays, values: Float[np.ndarray, " R"], *, level: float) -> list[tuple[At, Estimate]]:
    tests = {s: equal_spreads([own, others]) for s, own, others in _against_others(population, values)}
    adjusted = holm([test.p for test in tests.values()])
    return [
        (
            source,
            Estimate(p, None, None, level, NO_INTERVAL, "none", test.n_runs, population.n_examples, test.reason),
        )
        for (source, test), p in zip(tests.items(), adjusted, strict=True)
    ]


def _each(population: PopulationArrays, estimate: Callable[[Rows], Estimate]) -> list[tuple[At, Estimate]]:
    return [(source, estimate(rows)) for source, rows in _rows(population)]


def _rows(population: PopulationArrays) -> Iterator[tuple[str, Rows]]:
    design = population.one_at_a_time
    assert isinstance(design, OneAtATime)  # what the measures need
    yield from design.rows.items()
