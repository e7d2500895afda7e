"""How good the runs are: means over runs of per-run values, with t intervals."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.population import PopulationArrays
from varbench.measures.scores import ece_per_run
from varbench.stats.estimate import Estimate
from varbench.stats.mean import mean_estimate
from varbench.stats.sharing import shared_mean_estimate

FRACTION = (0.0, 1.0)
ECE_BINS = 15


@measure(
    "accuracy",
    label="Test accuracy",
    unit="fraction",
    better="higher",
    meaning="Fraction of test examples that a run gets right, averaged over runs.",
    respects_levels=True,
)
def accuracy(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over all runs; a diverged run has accuracy 0."""
    return _mean(population, population.accuracy, everyone(population), level=level, bounds=FRACTION)


@measure(
    "error",
    label="Test error",
    unit="fraction",
    better="lower",
    meaning="Fraction of test examples that a run gets wrong, averaged over runs.",
    respects_levels=True,
)
def error(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """1 − accuracy."""
    return _mean(population, 1.0 - population.accuracy, everyone(population), level=level, bounds=FRACTION)


@measure(
    "loss",
    label="Test loss",
    unit="nats",
    better="lower",
    meaning="Cross-entropy on the test examples, averaged over runs; 0 is certain and right.",
    needs=("log_loss",),
    respects_levels=True,
)
def loss(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over the usable runs."""
    return _mean(population, population.loss, population.usable, level=level, bounds=(0.0, math.inf))


@measure(
    "brier",
    label="Brier score",
    unit="score",
    better="lower",
    meaning="Squared distance of the predicted probabilities from the truth, 0 to 2, averaged over runs.",
    needs=("probabilities",),
    respects_levels=True,
)
def brier(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over the usable runs."""
    return _mean(population, population.brier, population.usable, level=level, bounds=(0.0, 2.0))


@measure(
    "ece",
    label="Calibration error",
    unit="fraction",
    better="lower",
    meaning="Mean gap between the confidence of a run and how often it is right (15 equal-width bins).",
    needs=("probabilities",),
    respects_levels=True,
)
def ece(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over the usable runs of the top-label expected calibration error."""
    return _mean(population, ece_of_runs(population), population.usable, level=level, bounds=FRACTION)


@measure(
    "train_accuracy",
    label="Training accuracy",
    unit="fraction",
    better="none",
    meaning="Fraction of training examples that a run gets right at the end, averaged over runs.",
    needs=("train_accuracy",),
    respects_levels=True,
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
    respects_levels=True,
)
def train_loss(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over the runs that finished."""
    return _training(population, population.train_loss, level=level, bounds=(0.0, math.inf))


def ece_of_runs(population: PopulationArrays) -> Float[np.ndarray, " r"]:
    """Calibration errors of the usable runs, computed once."""
    return population.derived(
        ("ece", ECE_BINS), lambda: ece_per_run(population.usable_logits, population.labels, bins=ECE_BINS)
    )


def mean_of_runs(
    population: PopulationArrays,
    values: Float[np.ndarray, " r"],
    rows: Bool[np.ndarray, " R"],
    *,
    level: float,
    n_examples: int | None,
    bounds: tuple[float, float],
) -> Estimate:
    """Mean over some of the runs: Student's t, or a jackknife over levels where runs share them.

    Args:
        population: The arrays.
        values: A value for each of the chosen runs.
        rows: Which they are.
        level, n_examples, bounds: As in `mean_estimate`.
    """
    shared = population.shared_among(rows)
    if shared is None:
        return mean_estimate(values, level=level, n_examples=n_examples, bounds=bounds)
    return shared_mean_estimate(values, shared, level=level, n_examples=n_examples, bounds=bounds)


def everyone(population: PopulationArrays) -> Bool[np.ndarray, " R"]:
    """True for every run."""
    return np.ones(population.n_runs, dtype=bool)


def _training(
    population: PopulationArrays,
    values: Float[np.ndarray, " R"] | None,
    *,
    level: float,
    bounds: tuple[float, float],
) -> list[tuple[At, Estimate]]:
    assert values is not None  # the measure needs it
    usable = population.finished & np.isfinite(values)
    chosen = values[usable].astype(np.float64)
    return [(None, mean_of_runs(population, chosen, usable, level=level, n_examples=None, bounds=bounds))]


def _mean(
    population: PopulationArrays,
    values: Float[np.ndarray, " r"],
    rows: Bool[np.ndarray, " R"],
    *,
    level: float,
    bounds: tuple[float, float],
) -> list[tuple[At, Estimate]]:
    n_examples = population.n_examples
    return [(None, mean_of_runs(population, values, rows, level=level, n_examples=n_examples, bounds=bounds))]
