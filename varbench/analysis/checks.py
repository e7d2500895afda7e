"""Whether the arrays of a population fit together: shapes, types, ranges, and one sentence where they do not."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from varbench.analysis.inferred_classes import inferred_classes, stray_label
from varbench.errors import InputError
from varbench.keys import SOURCES
from varbench.measures.blocks import blocks

if TYPE_CHECKING:
    from varbench.analysis.population import PopulationArrays

KINDS = {"b": "boolean", "f": "float", "i": "integer"}
SUM_TOLERANCE = 1e-3
"""How far the probabilities of one example may be from adding up to 1: what float16 leaves of it."""


def checked(arrays: PopulationArrays) -> dict[str, Any]:
    """The arrays of a population in their stored types.

    Raises:
        InputError: Naming the array and the offending index.
    """
    given = [name for name in ("logits", "probabilities", "predictions") if getattr(arrays, name) is not None]
    if len(given) != 1:
        raise InputError(
            f"A population is made from one of logits, probabilities and predictions; {' and '.join(given) or 'none'} "
            f"{'was' if len(given) < 2 else 'were'} given."
        )
    found: dict[str, Any] = {}
    found[given[0]] = outputs = _outputs(given[0], getattr(arrays, given[0]))
    n_runs, n_examples = outputs.shape[:2]
    labels = _labels(arrays.labels, n_examples, given[0])
    if given[0] == "predictions":
        found["classes"] = _classes(arrays.classes, labels, outputs)
    n_classes = found["classes"] if given[0] == "predictions" else outputs.shape[2]
    found["labels"] = _in_classes(labels, n_classes, given[0])
    finished = (
        _finished(given[0], outputs, np.asarray(getattr(arrays, given[0])))
        if arrays.finished is None
        else arrays.finished
    )
    found["finished"] = _per_run("finished", finished, "b", n_runs)
    for name in ("train_loss", "train_accuracy"):
        if getattr(arrays, name) is not None:
            found[name] = _per_run(name, getattr(arrays, name), "f", n_runs)
    found["levels"] = _levels(arrays.levels, n_runs)
    vectors = {name: getattr(arrays, name) for name in ("weights", "initial_weights")}
    there = {name: np.asarray(value) for name, value in vectors.items() if value is not None}
    for name, value in there.items():
        found[name] = _vectors(name, value, next(iter(there.values())), n_runs)
    found.update(_snapshots(arrays.snapshots, arrays.snapshot_steps, n_runs))
    _check_layers(arrays.layers, next(iter(there.values())).shape[1] if there else 0)
    return found


def _outputs(name: str, value: Any) -> np.ndarray:
    array = np.asarray(value)
    if name == "predictions":
        if array.ndim != 2 or 0 in array.shape or not np.issubdtype(array.dtype, np.integer):
            raise InputError(
                f"The predictions have shape {array.shape} and type {array.dtype}; expected integers [runs, examples] "
                "with at least one of each."
            )
        return array.astype(np.int32, copy=False)
    if array.ndim != 3 or 0 in array.shape or not np.issubdtype(array.dtype, np.floating):
        raise InputError(
            f"The {name} have shape {array.shape} and type {array.dtype}; expected floats [runs, examples, "
            "classes] with at least one of each."
        )
    if name == "logits":
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, as if it had been
            return array.astype(np.float32, copy=False)
    array = narrowed(array)
    _check_probabilities(array)
    return array


def _finished(name: str, outputs: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Which runs have numbers at all, where nobody said which finished; a gap in one that does is refused."""
    if name == "predictions":
        return np.asarray((outputs >= 0).any(axis=1))
    finished = np.ones(len(outputs), dtype=bool)
    for run, values in enumerate(outputs):
        finite = np.isfinite(values)
        finished[run] = finite.any() or np.isfinite(given[run]).any()  # beyond float32 is not beyond numbers
        if finished[run] and not finite.all():
            example, k = (int(i) for i in np.argwhere(~finite)[0])
            raise InputError(
                f"{name}[{run}, {example}, {k}] is {given[run, example, k]:g}; give finite numbers in float32, or NaN "
                "for all examples of a run that diverged (or say with finished which runs did)."
            )
    return finished


def check_level(level: Any) -> None:
    """Refuse what is no coverage of an interval.

    Raises:
        InputError: If it is not a number between 0 and 1.
    """
    number = isinstance(level, int | float | np.number) and not isinstance(level, bool)
    if not number or not 0.0 < level < 1.0:
        raise InputError(f"the level of intervals is {level!r}; give a number between 0 and 1, such as 0.95")


def narrowed(probabilities: np.ndarray) -> np.ndarray:
    """In float32; in float64 where a probability above 0 would become 0: its logarithm is finite."""
    if probabilities.dtype.itemsize <= np.dtype(np.float32).itemsize:
        return probabilities.astype(np.float32, copy=False)
    narrow = probabilities.astype(np.float32)
    for part in blocks(len(narrow), bytes_each=2 * narrow[0].size):
        if ((narrow[part] == 0) & (probabilities[part] != 0)).any():
            return probabilities.astype(np.float64, copy=False)
    return narrow


def _check_probabilities(array: np.ndarray) -> None:
    """Refuse what is negative or does not add up to 1; rows that are not finite are a diverged run's."""
    for part in blocks(len(array), bytes_each=8 * array[0].size):
        block = array[part]
        total = block.sum(axis=2, dtype=np.float64)
        wrong = (block < 0).any(axis=2) | (np.abs(total - 1.0) > SUM_TOLERANCE)
        if wrong.any():
            run, example = (int(i) for i in np.argwhere(wrong)[0])
            raise InputError(
                f"probabilities[{run + part.start}, {example}] are {np.array2string(block[run, example], threshold=8)}"
                f", with the sum {total[run, example]:.6g}; expected numbers from 0 that add up to 1 "
                f"(within {SUM_TOLERANCE:g})."
            )


def _labels(value: Any, n_examples: int, of: str) -> np.ndarray:
    labels = np.asarray(value)
    if labels.shape != (n_examples,) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"The labels have shape {labels.shape} and type {labels.dtype}; expected one integer for each of the "
            f"{n_examples} examples of the {of}."
        )
    return labels.astype(np.int64, copy=False)


def _classes(classes: int | None, labels: np.ndarray, predictions: np.ndarray) -> int:
    """K, given or found, when only predictions are there; the predictions must fit in."""
    low = predictions.min()
    if low < -1:
        run, example = np.argwhere(predictions < -1)[0]
        raise InputError(
            f"predictions[{run}, {example}] is {low}; predicted labels go from 0 on, and −1 is no prediction."
        )
    if classes is None:
        if (stray := stray_label(labels, predictions)) is not None:
            example, reason = stray
            raise InputError(
                f"labels[{example}] is {labels[example]}, but {reason}: mend it, or give the number of classes."
            )
        return inferred_classes(labels, predictions)
    if predictions.max() >= classes:
        run, example = np.argwhere(predictions >= classes)[0]
        raise InputError(
            f"predictions[{run}, {example}] is {predictions[run, example]}; with {classes} classes predicted labels go "
            f"from 0 to {classes - 1}."
        )
    return classes


def _in_classes(labels: np.ndarray, n_classes: int, of: str) -> np.ndarray:
    outside = np.flatnonzero((labels < 0) | (labels >= n_classes))
    if outside.size:
        raise InputError(
            f"labels[{outside[0]}] is {labels[outside[0]]}; the {of} have {n_classes} classes, so labels go "
            f"from 0 to {n_classes - 1}."
        )
    return labels


def _per_run(name: str, value: Any, kind: str, n_runs: int) -> np.ndarray:
    values = np.asarray(value)
    found = "i" if values.dtype.kind == "u" else values.dtype.kind
    if values.shape != (n_runs,) or found != kind:
        raise InputError(
            f"{name} has shape {values.shape} and type {values.dtype}; expected one {KINDS[kind]} for each of the "
            f"{n_runs} runs."
        )
    return values


def _levels(levels: Mapping[str, Any], n_runs: int) -> dict[str, np.ndarray]:
    unknown = next((source for source in levels if source not in SOURCES), None)
    if unknown is not None:
        near = get_close_matches(str(unknown), SOURCES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(SOURCES)}."
        raise InputError(f"levels names the source of randomness {unknown!r}; {hint}")
    return {
        source: _per_run(f"levels[{source!r}]", values, "i", n_runs).astype(np.int64)
        for source, values in levels.items()
    }


def _vectors(name: str, values: np.ndarray, first: np.ndarray, n_runs: int) -> np.ndarray:
    if values.ndim != 2 or values.dtype.kind != "f" or values.shape != (n_runs, first.shape[1]):
        raise InputError(
            f"{name} has shape {values.shape} and type {values.dtype}; expected floats [{n_runs} runs, "
            "parameters], with as many parameters in weights as in initial_weights."
        )
    return values


def _snapshots(values: Any, steps: Any, n_runs: int) -> dict[str, np.ndarray]:
    if values is None and steps is None:
        return {}
    array, moments = np.asarray(values), np.asarray(steps)
    if array.ndim != 3 or array.dtype.kind != "f" or len(array) != n_runs or 0 in array.shape:
        raise InputError(
            f"snapshots has shape {array.shape} and type {array.dtype}; expected floats [{n_runs} runs, snapshots, "
            "parameters] with at least one of each."
        )
    ascending = moments.shape == array.shape[1:2] and moments.dtype.kind in "iu" and bool((np.diff(moments) > 0).all())
    if not ascending:
        raise InputError(
            f"snapshot_steps is {np.array2string(moments, threshold=8)}; expected an ascending integer for each of the "
            f"{array.shape[1]} snapshots."
        )
    return {"snapshots": array, "snapshot_steps": moments.astype(np.int64)}


def _check_layers(layers: tuple[tuple[str, int, int], ...], n_parameters: int) -> None:
    paths = [path for path, _, _ in layers]
    for path, start, stop in layers:
        if not 0 <= start < stop <= n_parameters or paths.count(path) > 1:
            raise InputError(
                f"Layer {path!r} takes the parameters {start}:{stop}; expected a slice that is not empty, within "
                f"0:{n_parameters}, under a name of its own."
            )
