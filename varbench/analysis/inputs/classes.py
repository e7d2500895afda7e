"""How many classes the results of others have, and whether their labels and predictions are among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Int

from varbench.analysis.inferred_classes import inferred_classes, stray_label
from varbench.analysis.inputs.raw import Raw
from varbench.data.archive import refuse_beyond_memory
from varbench.errors import InputError

GAPS = 10
"""Class numbers may be so many times sparser than the classes that occur, or start at so many hundreds."""


def number_of_classes(raw: Raw, labels: Int[np.ndarray, " E"], scores: np.ndarray, *, kind: str, path: Path) -> int:
    """K: of logits and probabilities their last axis; of predictions what the file says, or else what occurs.

    Raises:
        InputError: If the file says another K, or a label or prediction is no class.
    """
    said = _said(raw, path)
    if kind == "predictions":
        n_classes = _inferred(raw, labels, scores, path) if said is None else said
        have = f"there are {n_classes} classes"
        _refuse_beyond(raw, "predictions", scores, n_classes, have, path)
        refuse_beyond_memory(8 * labels.size * n_classes, what=str(path))  # votes are counted by example and class
    else:
        n_classes = scores.shape[2]
        have = f"{kind} has {n_classes} classes"
        if said not in (None, n_classes):
            raise InputError(f"{path}: classes says that there are {said} classes, but {have}")
    _refuse_beyond(raw, "labels", labels, n_classes, have, path)
    return n_classes


def _said(raw: Raw, path: Path) -> int | None:
    """K as the file says it: a number, or the names of the classes."""
    given = raw.arrays.get("classes")
    if given is None:
        return None
    if given.size == 1 and given.dtype.kind in "iu":
        if given.item() < 1:
            raise InputError(f"{path}: classes = {given.item()}; expected the number of classes, which is above 0")
        return int(given.item())
    if given.ndim != 1 or given.size < 2:
        raise InputError(
            f"{path}: classes has shape {given.shape} and type {given.dtype}; expected the number of classes, or their "
            "names"
        )
    return given.size


def _inferred(raw: Raw, labels: Int[np.ndarray, " E"], predictions: Int[np.ndarray, "R E"], path: Path) -> int:
    """One more than the largest class; numbers that leave large gaps are no class numbers."""
    found = inferred_classes(labels, predictions)
    if found > GAPS * 100:
        occurring = len(np.union1d(labels, np.unique(predictions)))
        if found > GAPS * (occurring + 100):
            raise InputError(
                f"{path}: the largest class is {found - 1}, but only {occurring} classes occur: number the classes "
                "0, 1, 2, …"
            )
    if (stray := stray_label(labels, predictions)) is not None:
        example, reason = stray
        raise InputError(
            f"{path}: {raw.where('labels', (example,))} is {labels[example]}, but {reason}: mend it, or give the "
            "number of classes as 'classes'"
        )
    return found


def _refuse_beyond(raw: Raw, name: str, values: np.ndarray, n_classes: int, have: str, path: Path) -> None:
    """Labels or predictions from K on are no classes."""
    if values.max() >= n_classes:
        index = tuple(int(i) for i in np.argwhere(values >= n_classes)[0])
        raise InputError(
            f"{path}: {raw.where(name, index)} is {values[index]}, but {have}: {name} go from 0 to {n_classes - 1}"
        )
