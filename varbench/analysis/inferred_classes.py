"""How many classes there are, where only predicted labels are known."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

GAP = 4
"""A label that no run predicts may leave out so many times the usual distance from one class to the next below it."""


def inferred_classes(labels: Int[np.ndarray, " E"], predictions: Int[np.ndarray, "R E"]) -> int:
    """One more than the largest class that occurs, at least 2."""
    return max(2, int(labels.max()) + 1, int(predictions.max()) + 1)


def stray_label(labels: Int[np.ndarray, " E"], predictions: Int[np.ndarray, "R E"]) -> tuple[int, str] | None:
    """The first example whose label is hardly a class, and why: a 50 where all runs predict 0, 1 or 2.

    A rare class may be one that no run ever predicts, and a few examples hold few of many classes. So a label is
    doubted only if it is above all predictions and leaves a gap below it, of more than `GAP` times the mean distance of
    the classes that occur below the gap. Nothing is doubted where no run predicts anything.
    """
    largest = int(predictions.max())
    if largest < 0 or labels.max() <= largest:
        return None
    occurring = np.union1d(labels, np.unique(predictions))
    occurring = occurring[occurring >= 0]
    left_out = np.diff(occurring) - 1
    distance = (occurring[:-1] + 1) / np.arange(1, occurring.size)
    far = (occurring[1:] > largest) & (left_out > GAP * distance)
    if not far.any():
        return None
    below, stray = occurring[int(np.argmax(far)) :][:2]
    example = int(np.argmax(labels >= stray))
    return example, f"no run predicts a class above {largest}, and none from {below + 1} to {stray - 1} occurs"
