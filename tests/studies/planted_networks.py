"""Networks made by hand that read a planted shortcut as often as their weights say."""

from __future__ import annotations

import numpy as np

from varbench.data import load
from varbench.data.plants import PLANTS


class Readers:
    """Networks with two weights: the share of the test examples on which they follow the plant, and of errors.

    On the first examples they are wrong, on the last ones right just if the plant is the typical one of the class,
    between them right. The inputs that they know are test examples of a data set with any plant.
    """

    def __init__(self, data: str):
        self.dataset = load(data)

    def logits_on(self, weights: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Logits [n, E, K]."""
        labels, classes = self.dataset.y_test, self.dataset.classes
        typical, known = np.zeros((2, len(labels)), bool)
        for plant in PLANTS:
            for value in range(plant.values(classes)):
                twin = plant.put(self.dataset, self.dataset.x_test, np.full(len(labels), value))
                same = (twin == x).reshape(len(x), -1).all(1)
                typical |= same & (plant.typical(labels, classes=classes) == value)
                known |= same
        assert known.all()
        place = np.arange(len(labels)) / len(labels)
        follows = place >= 1.0 - weights[:, :1]
        wrong = (place < weights[:, 1:2]) | (follows & ~typical)
        predicted = np.where(wrong, (labels + 1) % classes, labels)
        return 5.0 * np.eye(classes, dtype=np.float32)[predicted]
