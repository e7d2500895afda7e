"""Measures that are a mean over runs: the value of every run, so that runs can be matched and ranked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from varbench.analysis.catalogue.level import ECE_BINS
from varbench.analysis.population import PopulationArrays
from varbench.measures.scores import ece_per_run

Values = Callable[[PopulationArrays], Float[np.ndarray, " R"]]


def _spread(values: Float[np.ndarray, " r"], usable: Bool[np.ndarray, " R"]) -> Float[np.ndarray, " R"]:
    """Values of the usable runs in their places; NaN in the others."""
    found = np.full(len(usable), np.nan)
    found[usable] = values
    return found


def _training(population: PopulationArrays, name: str) -> Float[np.ndarray, " R"]:
    values = np.asarray(getattr(population, name), dtype=np.float64)
    return np.where(population.finished & np.isfinite(values), values, np.nan)


PER_RUN: dict[str, Values] = {
    "accuracy": lambda p: p.accuracy,
    "error": lambda p: 1.0 - p.accuracy,
    "loss": lambda p: _spread(p.loss, p.usable),
    "brier": lambda p: _spread(p.brier, p.usable),
    "ece": lambda p: _spread(ece_per_run(p.usable_logits, p.labels, bins=ECE_BINS), p.usable),
    "train_loss": lambda p: _training(p, "train_loss"),
    "train_accuracy": lambda p: _training(p, "train_accuracy"),
}
"""Measure → value of every run, NaN for a run that the measure leaves out. Their means are the measures' estimates."""
