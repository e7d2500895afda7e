"""How good the runs are: means over runs of per-run values, with t intervals."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.population import PopulationArrays
from varbench.measures.scores import ece_per_run
from varbench.stats.estimate import Estimate
from varbench.stats.mean import mean_estimate

FRACTION = (0.0, 1.0)
ECE_BINS = 15


@measure(
    "accuracy",
    label="Test accuracy",
    unit="fraction",
    better="higher",
    meaning="Fraction of test examples that a run gets right, averaged over runs.",
)
def accuracy(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over all runs; a diverged run has accuracy 0."""
    return _mean(population.accuracy, population.n_examples, level=level, bounds=FRACTION)


@measure(
    "error",
    label="Test error",
    unit="fraction",
    better="lower",
    meaning="Fraction of test examples that a run gets wrong, averaged over runs.",
)
def error(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """1 − accuracy."""
    return _mean(1.0 - population.accuracy, population.n_examples, level=level, bounds=FRACTION)


@measure(
    "loss",
    label="Test loss",
    unit="nats",
    better="lower",
    meaning="Cross-entropy on the test examples, averaged over runs; 0 is certain and right.",
    needs=("probabilities",),
)
def loss(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over the usable runs."""
    return _mean(population.loss, population.n_examples, level=level, bounds=(0.0, math.inf))


@measure(
    "brier",
    label="Brier score",
    unit="score",
    better="lower",
    meaning="Squared distance of the predicted probabilities from the truth, 0 to 2, averaged over runs.",
    needs=("probabilities",),
)
def brier(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over the usable runs."""
    return _mean(population.brier, population.n_examples, level=level, bounds=(0.0, 2.0))


@measure(
    "ece",
    label="Calibration error",
    unit="fraction",
    better="lower",
    meaning="Mean gap between the confidence of a run and how often it is right (15 equal-width bins).",
    needs=("probabilities",),
)
def ece(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over the usable runs of the top-label expected calibration error."""
    return _mean(ece_of_runs(population), population.n_examples, level=level, bounds=FRACTION)


@measure(
    "train_accuracy",
    label="Training accuracy",
    unit="fraction",
    better="none",
    meaning="Fraction of training examples that a run gets right at the end, averaged over runs.",
    needs=("train_accuracy",),
)
def train_accuracy(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over the runs that finished."""
    return _training(population, population.train_accuracy, level=level, bounds=FRACTION)


@measure(
    "train_loss",
    label="Training loss",
    unit="nats",
    better="none",
    meaning="Loss on the training examples at the end, averaged over runs.",
    needs=("train_loss",),
)
def train_loss(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over the runs that finished."""
    return _training(population, population.train_loss, level=level, bounds=(0.0, math.inf))


def ece_of_runs(population: PopulationArrays) -> Float[np.ndarray, " r"]:
    """Calibration errors of the usable runs, computed once."""
    return population.derived(
        ("ece", ECE_BINS), lambda: ece_per_run(population.usable_logits, population.labels, bins=ECE_BINS)
    )


def _training(
    population: PopulationArrays,
    values: Float[np.ndarray, " R"] | None,
    *,
    level: float,
    bounds: tuple[float, float],
) -> list[tuple[At, Estimate]]:
    assert values is not None  # the measure needs it
    usable = population.finished & np.isfinite(values)
    return _mean(values[usable].astype(np.float64), None, level=level, bounds=bounds)


def _mean(
    values: Float[np.ndarray, " r"], n_examples: int | None, *, level: float, bounds: tuple[float, float]
) -> list[tuple[At, Estimate]]:
    return [(None, mean_estimate(values, level=level, n_examples=n_examples, bounds=bounds))]
