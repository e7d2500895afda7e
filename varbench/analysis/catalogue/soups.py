"""What averaging the weights of M runs gives, as they are and relabeled, beside ensembles that average predictions."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from varbench.analysis.catalogue.measure import At, measure
from varbench.analysis.matching import FEWEST_GROUPS, cannot_relabel, disjoint_groups, relabeled, sound_runs, soup_sizes
from varbench.analysis.paths import Form
from varbench.analysis.population import PopulationArrays
from varbench.stats.disjoint import disjoint_mean_estimate
from varbench.stats.estimate import Estimate, missing

NEEDS = ("networks", "weights")


class Soups(NamedTuple):
    """Test scores of averages of M runs, and why they must not be used (or an empty string)."""

    loss: Float[np.ndarray, " g"]
    accuracy: Float[np.ndarray, " g"]
    objection: str


@measure(
    "soup_accuracy",
    label="Accuracy of a weight average",
    unit="fraction",
    better="higher",
    meaning="Test accuracy of one network whose weights are the average of M runs' weights.",
    needs=NEEDS,
)
def soup_accuracy(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over disjoint groups of M runs."""
    return _curve(population, "accuracy", "raw", level=level)


@measure(
    "soup_accuracy_aligned",
    label="Accuracy of a weight average, aligned",
    unit="fraction",
    better="higher",
    meaning="Test accuracy of the average of M runs' weights, all relabeled to match the first of them.",
    needs=NEEDS,
)
def soup_accuracy_aligned(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over disjoint groups of M runs, each relabeled by weight matching to its group's first."""
    return _curve(population, "accuracy", "aligned", level=level)


@measure(
    "soup_loss",
    label="Loss of a weight average",
    unit="nats",
    better="lower",
    meaning="Test cross-entropy of one network whose weights are the average of M runs' weights.",
    needs=NEEDS,
)
def soup_loss(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over disjoint groups of M runs."""
    return _curve(population, "loss", "raw", level=level)


@measure(
    "soup_loss_aligned",
    label="Loss of a weight average, aligned",
    unit="nats",
    better="lower",
    meaning="Test cross-entropy of the average of M runs' weights, all relabeled to match the first of them.",
    needs=NEEDS,
)
def soup_loss_aligned(population: PopulationArrays, *, level: float, key: int) -> list[tuple[At, Estimate]]:
    """Mean over disjoint groups of M runs, each relabeled by weight matching to its group's first."""
    return _curve(population, "loss", "aligned", level=level)


def _curve(population: PopulationArrays, score: str, form: Form, *, level: float) -> list[tuple[At, Estimate]]:
    n_runs = len(sound_runs(population))
    sizes = soup_sizes(n_runs)
    reason = cannot_relabel(population) if form == "aligned" else ""
    if not sizes:
        needed = 2 * FEWEST_GROUPS
        reason = reason or f"averages of weights need at least {needed} finished runs, there are {n_runs}"
    if reason:
        return [(None, missing(reason, level=level, n_runs=n_runs, n_examples=population.n_examples))]
    return [(size, _point(population, score, form, size, level=level)) for size in sizes]


def _point(population: PopulationArrays, score: str, form: Form, size: int, *, level: float) -> Estimate:
    soups = population.derived(("soups", form, size), lambda: _soups(population, form, size))
    values, n_examples = getattr(soups, score), population.n_examples
    if soups.objection:
        return missing(soups.objection, level=level, n_runs=size * len(values), n_examples=n_examples)
    bounds = (0.0, 1.0 if score == "accuracy" else math.inf)
    return disjoint_mean_estimate(
        values,
        size=size,
        level=level,
        n_examples=n_examples,
        bounds=bounds,
        reason="the loss of a weight average is not finite",
    )


def _soups(population: PopulationArrays, form: Form, size: int) -> Soups:
    assert population.networks is not None
    assert population.weights is not None
    runs = sound_runs(population)
    groups = runs[disjoint_groups(len(runs), size)]
    averages = np.empty((len(groups), population.weights.shape[1]), np.float32)
    for row, group in enumerate(groups):
        members, objection = population.weights[group], ""
        if form == "aligned":
            members, objection = relabeled(population, group[:1].repeat(size), group)
        if objection:
            nothing = np.full(len(groups), np.nan)
            return Soups(nothing, nothing, objection)
        averages[row] = members.mean(axis=0, dtype=np.float64)
    loss, error = population.networks.scores(averages, "test")
    return Soups(loss, np.where(np.isfinite(loss), 1.0 - error, np.nan), "")
