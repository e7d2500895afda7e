"""Which source of randomness matters, by variance components of crossed designs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.population import PopulationArrays
from varbench.measures.effects import (
    Term,
    effect_energies,
    one_hot_blocks,
    probability_blocks,
    score_blocks,
    vector_blocks,
)
from varbench.measures.lengths import squarable_scale
from varbench.stats.component_shares import variance_shares
from varbench.stats.components import component_names, variance_components
from varbench.stats.crossing import Crossing
from varbench.stats.estimate import Estimate, missing

LARGEST = {"accuracy": 0.25, "predictions": 1.0, "probabilities": 1.0}
"""Beyond it no component lies: the variance of a fraction, and half a squared distance of two distributions."""

Blocks: TypeAlias = Iterator[Float[np.ndarray, "R _"]]

TOTAL = "total"
"""Position of the sum of the components: half the mean squared difference of two runs that share no level."""


@measure(
    "accuracy_variance_component",
    label="Variance component of accuracy",
    unit="none",
    better="none",
    meaning="Variance of the test accuracy that a source, or sources acting together, bring; near 0 it may be below 0.",
    needs=("crossing",),
    respects_levels=True,
)
def accuracy_component(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Of all runs; a diverged run has accuracy 0."""
    return _components(population, "accuracy", level=level)


@measure(
    "accuracy_variance_share",
    label="Share of the variance of accuracy",
    unit="fraction",
    better="none",
    meaning="Share of the variance of the test accuracy that a source, or sources acting together, bring.",
    needs=("crossing",),
    respects_levels=True,
)
def accuracy_share(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Component over the sum of the components."""
    return _shares(population, "accuracy", level=level)


@measure(
    "loss_variance_component",
    label="Variance component of loss",
    unit="nats²",
    better="none",
    meaning="Variance of the test loss that a source, or sources acting together, bring; near 0 it may be below 0.",
    needs=("crossing", "log_loss"),
    respects_levels=True,
)
def loss_component(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Only where all runs are usable: a design with holes is not balanced."""
    return _components(population, "loss", level=level)


@measure(
    "loss_variance_share",
    label="Share of the variance of loss",
    unit="fraction",
    better="none",
    meaning="Share of the variance of the test loss that a source, or sources acting together, bring.",
    needs=("crossing", "log_loss"),
    respects_levels=True,
)
def loss_share(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Component over the sum of the components."""
    return _shares(population, "loss", level=level)


@measure(
    "prediction_variance_component",
    label="Disagreement by source",
    unit="fraction",
    better="none",
    meaning="Part of the disagreement of two unrelated runs that a source, or sources acting together, bring.",
    needs=("crossing",),
    respects_levels=True,
)
def prediction_component(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Of one-hot labels, all runs: differences of mean disagreements, which add up to that of unrelated runs."""
    return _components(population, "predictions", level=level)


@measure(
    "prediction_variance_share",
    label="Share of the disagreement",
    unit="fraction",
    better="none",
    meaning="Share of the disagreement of two unrelated runs that a source, or sources acting together, bring.",
    needs=("crossing",),
    respects_levels=True,
)
def prediction_share(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Component over the sum of the components."""
    return _shares(population, "predictions", level=level)


@measure(
    "probability_variance_component",
    label="Variance component of probabilities",
    unit="score",
    better="none",
    meaning="Part of half the squared distance of two unrelated runs' probabilities that a source brings.",
    needs=("crossing", "probabilities"),
    respects_levels=True,
)
def probability_component(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """E⁻¹ Σᵢ ½‖pᵢ − p'ᵢ‖² by source, only where all runs are usable."""
    return _components(population, "probabilities", level=level)


@measure(
    "probability_variance_share",
    label="Share of the variance of probabilities",
    unit="fraction",
    better="none",
    meaning="Share of the variance of the predicted probabilities that a source, or sources acting together, bring.",
    needs=("crossing", "probabilities"),
    respects_levels=True,
)
def probability_share(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Component over the sum of the components."""
    return _shares(population, "probabilities", level=level)


@measure(
    "weight_variance_component",
    label="Variance component of weights",
    unit="none",
    better="none",
    meaning="Part of half the squared distance of two unrelated runs' weights that a source brings.",
    needs=("crossing", "weights"),
    respects_levels=True,
)
def weight_component(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """½‖w − w'‖² by source, only where all runs have finite weights."""
    return _components(population, "weights", level=level)


@measure(
    "weight_variance_share",
    label="Share of the variance of weights",
    unit="fraction",
    better="none",
    meaning="Share of the variance of the weights that a source, or sources acting together, bring.",
    needs=("crossing", "weights"),
    respects_levels=True,
)
def weight_share(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Component over the sum of the components."""
    return _shares(population, "weights", level=level)


def _components(population: PopulationArrays, quantity: str, *, level: float) -> list[tuple[At, Estimate]]:
    largest = LARGEST.get(quantity, math.inf)
    bounded = partial(variance_components, bounds=(-largest, largest))
    weights = population.weights if quantity == "weights" and population.usable_weights.all() else None
    if weights is not None and squarable_scale(weights) != 1.0:
        reason = "the squares of the weights' differences leave float64; their shares are known"
        return [(None, missing(reason, level=level, n_runs=population.n_runs, n_examples=None))]
    return _estimates(population, quantity, bounded, level=level)


def _shares(population: PopulationArrays, quantity: str, *, level: float) -> list[tuple[At, Estimate]]:
    return _estimates(population, quantity, variance_shares, level=level)


def _estimates(
    population: PopulationArrays, quantity: str, estimate: Callable[..., dict[Term, Estimate]], *, level: float
) -> list[tuple[At, Estimate]]:
    design = population.crossing
    assert isinstance(design, Crossing)  # what the measures need
    n_examples = None if quantity == "weights" else population.n_examples
    usable = {"weights": population.usable_weights, "loss": population.usable, "probabilities": population.usable}
    lost = population.n_runs - int(usable[quantity].sum()) if quantity in usable else 0
    if lost:
        reason = f"{lost} of {population.n_runs} runs have none, and a crossed design must be complete"
        return [(None, missing(reason, level=level, n_runs=population.n_runs - lost, n_examples=n_examples))]
    energies = population.derived(
        ("energies", quantity), lambda: effect_energies(_blocks(population, quantity), design.cells)
    )
    over = f"levels of {', '.join(design.sources[:-1])} and {design.sources[-1]}"
    found = estimate(energies, design.cells.shape, level=level, n_examples=n_examples, resampled=over)
    names = {**component_names(design.sources, replicates=design.replicates), (): TOTAL}
    return [(names[term], found[term]) for term in names if term in found]


def _blocks(population: PopulationArrays, quantity: str) -> Blocks:
    if quantity == "predictions":
        return one_hot_blocks(population.predicted_labels, n_classes=population.n_classes)
    if quantity == "probabilities":
        return probability_blocks(population.usable_logits)
    if quantity == "weights":
        assert population.weights is not None  # what the measures need
        return vector_blocks(population.weights, scale=squarable_scale(population.weights))
    return score_blocks(population.accuracy if quantity == "accuracy" else population.loss)
