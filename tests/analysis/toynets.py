"""Perceptrons with one hidden layer in NumPy, as measures see trained networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from varbench.analysis.population import PopulationArrays
from varbench.measures.relabeling import permuted
from varbench.measures.scores import loss_per_run
from varbench.parameters import Leaf, PermutationGroup, Slot

INPUTS, UNITS, CLASSES = 3, 6, 4
LEAVES = (
    Leaf("in/kernel", (INPUTS, UNITS), 0, 18),
    Leaf("in/bias", (UNITS,), 18, 24),
    Leaf("out/kernel", (UNITS, CLASSES), 24, 48),
)
GROUP = PermutationGroup("hidden", UNITS, (Slot("in/kernel", 1), Slot("in/bias", 0), Slot("out/kernel", 0)))
WRONG = PermutationGroup("hidden", UNITS, (Slot("in/kernel", 1), Slot("in/bias", 0)))


def teacher() -> np.ndarray:
    """Weights [1, P] of the network that gives the examples their labels."""
    return np.random.default_rng(5).normal(size=(1, LEAVES[-1].stop)).astype(np.float32)


class ToyNetworks:
    """relu(x W + b) V on 40 training and 30 test examples, labeled by the teacher."""

    leaves = LEAVES
    epsilon = 1e-7

    def __init__(self, symmetries: tuple[PermutationGroup, ...] = (GROUP,), *, test_examples: int = 30):
        random = np.random.default_rng(11)
        self.symmetries = symmetries
        sizes = {"train": 40, "test": test_examples}
        self.x = {split: random.normal(size=(size, INPUTS)) for split, size in sizes.items()}
        self.y = {split: self.logits(teacher(), split)[0].argmax(-1) for split in sizes}
        self.scored = 0

    def logits(self, weights: np.ndarray, split: str) -> np.ndarray:
        kernel, bias, out = (weights[:, leaf.start : leaf.stop].reshape(-1, *leaf.shape) for leaf in LEAVES)
        hidden = np.maximum(np.einsum("ei,niu->neu", self.x[split], kernel) + bias[:, None, :], 0.0)
        return np.einsum("neu,nuk->nek", hidden, out).astype(np.float32)

    def scores(self, weights: np.ndarray, split: str) -> tuple[np.ndarray, np.ndarray]:
        self.scored += len(weights)
        logits = self.logits(weights, split)
        return loss_per_run(logits, self.y[split]), (logits.argmax(-1) != self.y[split]).mean(1)


def toy_population(
    n_runs: int = 12, *, noise: float = 0.4, networks: ToyNetworks | None = None, **change: Any
) -> PopulationArrays:
    """The teacher with its hidden units in another order in every run, and noise of their own."""
    networks = ToyNetworks() if networks is None else networks
    random = np.random.default_rng(3)
    orders = np.stack([random.permutation(UNITS) for _ in range(n_runs)])
    same = permuted(teacher().repeat(n_runs, 0), [orders], leaves=LEAVES, groups=[GROUP])
    weights = same + np.float32(noise) * random.normal(size=same.shape).astype(np.float32)
    arrays: dict[str, Any] = {
        "logits": networks.logits(weights, "test"),
        "labels": networks.y["test"],
        "weights": weights,
        "networks": networks,
    }
    return PopulationArrays(**{**arrays, **change})
