"""A proxy for the label: right for most examples, and elsewhere wrong in a way that the inputs tell."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, Shaped

from varbench.data.dataset import Dataset


def energies(dataset: Dataset, x: Shaped[np.ndarray, "n ..."]) -> Float[np.ndarray, " n"]:
    """Sum of the squared inputs of each example, as the model sees them: the ink of a digit, the power of a curve."""
    seen = (x.astype(np.float64) - dataset.mean) / dataset.std
    return np.square(seen).reshape(len(x), -1).sum(axis=1)


def proxy_labels(
    dataset: Dataset, x: Shaped[np.ndarray, "n ..."], labels: Int[np.ndarray, " n"], *, agreement: float
) -> Int[np.ndarray, " n"]:
    """What the proxy says of examples: the true class, but the next one for those of most energy within their class.

    The limit of a class is the energy that a share `agreement` of its training examples stay below; equal energies
    at the limit all go the same way. So the proxy errs by a rule and not at random, and the rule holds on the test too.

    Args:
        dataset: With true training labels: the limits come from its training examples.
        x: Examples [n, *shape] as the data set stores them.
        labels: Their true labels.
        agreement: Share of the training examples of which the proxy says the true class, in [0, 1].

    Returns:
        True labels at an agreement of 1, next classes alone at 0.
    """
    train = energies(dataset, dataset.x_train)
    limits = np.full(dataset.classes, np.inf)
    for k in range(dataset.classes):
        inside = np.sort(train[dataset.y_train == k])
        kept = round(agreement * len(inside))
        if kept < len(inside):
            limits[k] = inside[kept] if kept else -np.inf
    misled = energies(dataset, x) >= limits[labels]
    return np.where(misled, (labels + 1) % dataset.classes, labels)


def proxy(dataset: Dataset, amount: float, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Training labels that are the proxy's; test labels stay true. Nothing is drawn at random."""
    return {"y_train": proxy_labels(dataset, dataset.x_train, dataset.y_train, agreement=amount)}
