"""Runs of a population on test inputs with more and more noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from varbench.analysis.document import LEVEL
from varbench.analysis.networks import Networks
from varbench.data import load
from varbench.measures.predictions import predicted_labels
from varbench.stats.estimate import Estimate
from varbench.stats.independent import independent_sd_estimate
from varbench.stats.spread import sd_estimate
from varbench.stats.spread_change import signed_root
from varbench.studies.parting import spread_change
from varbench.studies.study import Evidence
from varbench.studies.sweeps import disagreement, disagreement_ratio, over_runs

AMOUNTS = (0.0, 0.25, 0.5, 1.0, 2.0)
"""SDs of the noise on the test inputs, in SDs of the inputs."""


@dataclass(frozen=True)
class Corrupted:
    """Labels that the runs which finished predict under noise [A, r, E], with the right ones [E]."""

    evidence: Evidence
    labels: Int[np.ndarray, "A r E"]
    right: Int[np.ndarray, " E"]

    @property
    def correct(self) -> Bool[np.ndarray, "A r E"]:
        """Which run is right on which example."""
        return self.labels == self.right

    def estimates(self) -> dict[tuple[str, float], Estimate]:
        """By measure, without its first word, and amount of noise."""
        found: dict[tuple[str, float], Estimate] = {}
        classes, n = self.evidence.arrays.n_classes, len(self.right)
        for i, amount in enumerate(AMOUNTS):
            accuracy, labels, correct = self.correct[i].mean(axis=1), self.labels[i], self.correct[i]
            found["accuracy", amount] = over_runs(accuracy, n_examples=n, bounds=(0.0, 1.0))
            found["disagreement", amount] = disagreement(labels, classes=classes)
            found["sd", amount] = sd_estimate(accuracy, level=LEVEL, n_examples=n, values_in=(0.0, 1.0))
            found["sd_independent", amount] = independent_sd_estimate(correct, level=LEVEL)
            if i:
                found["disagreement_ratio", amount] = disagreement_ratio(self.labels[i - 1], labels, classes=classes)
                found["sd_added", amount] = signed_root(spread_change(self.correct[0], correct))
        return found


def under_noise(e: Evidence, networks: Networks, weights: Float[np.ndarray, "R P"]) -> Corrupted:
    """What the runs of a population that finished predict on the test inputs of its recipe, with noise."""
    usable, name = e.arrays.usable & e.arrays.usable_weights, e.plan.recipe.data
    right = e.arrays.labels
    labels = np.full((len(AMOUNTS), int(usable.sum()), len(right)), -1, np.int32)
    if usable.any():
        for i, amount in enumerate(AMOUNTS):
            x = load(f"{name}+noise:{amount:g}").x_test
            labels[i] = predicted_labels(networks.logits_on(weights[usable], x))
    return Corrupted(e, labels, right)
