"""What shortcuts are measured on: reliance, accuracies and losses of every run, population by population."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Shaped

from varbench.analysis.document import LEVEL
from varbench.analysis.networks import Networks
from varbench.data import Dataset, load
from varbench.data.plants import Plant
from varbench.measures.predictions import predicted_labels
from varbench.stats.difference import paired_difference
from varbench.stats.estimate import Estimate
from varbench.stats.spread import sd_estimate
from varbench.stats.spread_change import signed_root
from varbench.studies.parting import spread_change
from varbench.studies.planted import plant_of
from varbench.studies.study import Evidence


@dataclass(frozen=True)
class Measured:
    """One population with its plant, run by run: NaN for a run that diverged.

    Attributes:
        amount: Chance of the typical value in training.
        right: Accuracy on the whole test set with the typical value everywhere.
        turned: Which run is right on which of the same examples with another value; False for a run that diverged.
        inside: Accuracy on the test set as the training set is.
        loss: Loss on the training set at the end, in nats.
    """

    evidence: Evidence
    amount: float
    right: Float[np.ndarray, " R"]
    turned: Bool[np.ndarray, "R E"]
    inside: Float[np.ndarray, " R"]
    loss: Float[np.ndarray, " R"]

    @property
    def wrong(self) -> Float[np.ndarray, " R"]:
        """Accuracy on the test set with another value everywhere."""
        return np.where(np.isfinite(self.right), self.turned.mean(axis=1), np.nan)

    @property
    def correct(self) -> tuple[Bool[np.ndarray, "r E"], Bool[np.ndarray, "r E"]]:
        """Which of the runs that finished is right on which example, in distribution and with the plant turned."""
        there = np.isfinite(self.right)
        return self.evidence.arrays.correct[there], self.turned[there]

    @property
    def reliance(self) -> Float[np.ndarray, " R"]:
        """Accuracy that depends on what the plant says."""
        return self.right - self.wrong

    def at(self, values: Float[np.ndarray, " R"]) -> Float[np.ndarray, " r"]:
        """The values of the runs that finished."""
        return values[np.isfinite(values)]


def measured(evidence: Mapping[str, Evidence]) -> dict[str, dict[Plant, list[Measured]]]:
    """Data set → plant → its populations, the one whose plant says nothing first."""
    found: dict[str, dict[Plant, list[Measured]]] = {}
    shared: dict[str, Networks | None] = {}
    for e in evidence.values():
        base, plant, amount = plant_of(e.plan)
        # Populations of one data set have the same networks; those of the first one serve all, compiled once.
        networks = shared.setdefault(base, e.arrays.networks)
        found.setdefault(base, {}).setdefault(plant, []).append(_measure(e, networks, load(base), plant, amount))
    for plants in found.values():
        for populations in plants.values():
            populations.sort(key=lambda m: m.amount)
    return found


def _measure(e: Evidence, networks: Networks | None, dataset: Dataset, plant: Plant, amount: float) -> Measured:
    labels, usable, weights = dataset.y_test, e.arrays.usable & e.arrays.usable_weights, e.arrays.weights
    typical = plant.typical(labels, classes=dataset.classes)
    other = plant.others(labels, classes=dataset.classes)

    def correct(said: np.ndarray) -> Bool[np.ndarray, "R E"]:
        return _correct_on(networks, weights, plant.put(dataset, dataset.x_test, said), labels, usable)

    known = usable & (networks is not None) & (weights is not None)
    right = np.where(known, correct(typical).mean(axis=1), np.nan)
    loss = e.arrays.train_loss if e.arrays.train_loss is not None else np.full(len(usable), np.nan)
    inside, loss = (np.where(usable, values, np.nan) for values in (e.arrays.accuracy, loss))
    return Measured(e, amount, right, correct(other), inside, loss)


def _correct_on(
    networks: Networks | None,
    weights: Float[np.ndarray, "R P"] | None,
    x: Shaped[np.ndarray, "E ..."],
    labels: np.ndarray,
    usable: Bool[np.ndarray, " R"],
) -> Bool[np.ndarray, "R E"]:
    found = np.zeros((len(usable), len(labels)), bool)
    if usable.any() and weights is not None and networks is not None:
        found[usable] = predicted_labels(networks.logits_on(weights[usable], x)) == labels
    return found


def paired(first: Float[np.ndarray, " R"], second: Float[np.ndarray, " R"], n_examples: int | None) -> Estimate:
    """Mean of second − first over the runs that finished in both, matched by their levels."""
    both = np.isfinite(first) & np.isfinite(second)
    return paired_difference(first[both], second[both], level=LEVEL, n_examples=n_examples).estimate


def sd(values: Float[np.ndarray, " r"], n_examples: int, *, least: float = 0.0) -> Estimate:
    return sd_estimate(values, level=LEVEL, n_examples=n_examples, values_in=(least, 1.0))


def over_chance(populations: Sequence[Measured], m: Measured) -> Estimate:
    return paired(populations[0].reliance, m.reliance, m.evidence.arrays.n_examples)


def loss_gain(populations: Sequence[Measured], m: Measured) -> Estimate:
    return paired(populations[0].loss, m.loss, None)


def added(m: Measured) -> Estimate:
    """SD of the true accuracy that turning the plant adds over runs."""
    return signed_root(spread_change(*m.correct))


def imperfect(populations: Sequence[Measured]) -> Measured | None:
    """The most predictive plant that is not always right: in distribution it leaves errors to make."""
    return next((m for m in reversed(populations[1:]) if m.amount < 1.0), None)
