"""The one place where results of others are checked, and become one population for each condition."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Bool, Float, Int

from varbench.analysis.checks import SUM_TOLERANCE, narrowed
from varbench.analysis.inputs.classes import number_of_classes
from varbench.analysis.inputs.raw import SCORES, Raw
from varbench.analysis.population import PopulationArrays
from varbench.errors import InputError
from varbench.measures.blocks import blocks


def populations(raw: Raw, *, path: Path, name: str) -> dict[str, PopulationArrays]:
    """Condition → its runs, conditions in the order of their first run.

    A run without any number (all NaN, or all predictions −1) counts as diverged. A number missing in any other run
    is refused, as is everything else that cannot be what was meant.

    Args:
        raw: The arrays.
        path: Their file, for sentences.
        name: Name of the condition where the file names none.

    Raises:
        InputError: Naming file, array and the first offending place.
    """
    check = _Check(raw, path)
    labels = check.labels()
    n_examples = labels.size
    kind = next(kind for kind in SCORES if kind in raw.arrays)
    scores = check.scores(kind, n_examples)
    finished = check.predictions(scores) if kind == "predictions" else check.numbers(kind, scores)
    if kind == "probabilities":
        check.sums(scores, finished)
    n_classes = number_of_classes(raw, labels, scores, kind=kind, path=path)
    per_run = {key: check.weights(key, len(scores), finished) for key in ("weights", "initial_weights")}
    levels = {source: check.level(source, values, len(scores)) for source, values in raw.levels.items()}
    found = {}
    given: dict[str, Any] = {kind: scores, "finished": finished, **per_run}
    for condition, rows in check.conditions(len(scores), name):
        of_runs: dict[str, Any] = {key: None if a is None else a[rows] for key, a in given.items()}
        levels_there = {source: values[rows] for source, values in levels.items()}
        classes = n_classes if kind == "predictions" else None
        found[condition] = PopulationArrays(labels=labels, levels=levels_there, classes=classes, **of_runs)
    return found


def example_ids(raw: Raw, *, path: Path) -> tuple[str, ...] | None:
    """What the file calls its examples, or None.

    Raises:
        InputError: If there is not one name for each example, or one occurs twice.
    """
    ids = raw.arrays.get("example_id")
    if ids is None:
        return None
    n_examples = raw.arrays["labels"].size
    if ids.shape != (n_examples,) or ids.dtype.kind not in "iuUSb":
        raise InputError(
            f"{path}: example_id has shape {ids.shape} and type {ids.dtype}; expected an integer or a text for each of "
            f"the {n_examples} examples"
        )
    names = tuple(map(str, ids.astype(str)))
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        if first.setdefault(name, i) != i:
            raise InputError(f"{path}: example_id[{i}] and example_id[{first[name]}] are both {name!r}: name each once")
    return names


class _Check:
    """Checks of one file; each refuses with file, array and place."""

    def __init__(self, raw: Raw, path: Path) -> None:
        self.raw, self.path = raw, path

    def refuse(self, sentence: str) -> NoReturn:
        raise InputError(f"{self.path}: {sentence}")

    def at(self, name: str, *index: int | np.integer) -> str:
        return self.raw.where(name, tuple(int(i) for i in index))

    def labels(self) -> Int[np.ndarray, " E"]:
        labels = self.raw.arrays["labels"]
        if labels.ndim != 1 or labels.size == 0 or labels.dtype.kind not in "iub":
            self.refuse(
                f"labels has shape {labels.shape} and type {labels.dtype}; expected one integer class, 0, 1, 2, …, for "
                "each example"
            )
        labels = labels.astype(np.int64)
        if labels.min() < 0:
            e = int(np.argmax(labels < 0))
            self.refuse(f"{self.at('labels', e)} is {labels[e]}; classes are numbered 0, 1, 2, …")
        return labels

    def scores(self, kind: str, n_examples: int) -> np.ndarray:
        scores = self.raw.arrays[kind]
        kinds, axes = ("iub", "[runs, examples]") if kind == "predictions" else ("f", "[runs, examples, classes]")
        if scores.ndim != axes.count(",") + 1 or scores.dtype.kind not in kinds or 0 in scores.shape:
            hint = ""
            if kind == "probabilities" and scores.ndim == 2:
                hint = " (for two classes and p of the second: np.stack([1 - p, p], axis=-1))"
            number = "integers" if kind == "predictions" else "floats"
            self.refuse(
                f"{kind} has shape {scores.shape} and type {scores.dtype}; expected {number} {axes}, at least one of "
                f"each{hint}"
            )
        if scores.shape[1] != n_examples:
            self.refuse(f"{kind} has {scores.shape[1]} examples, of shape {scores.shape}, but labels has {n_examples}")
        if kind == "predictions":
            return scores.astype(np.int8) if scores.dtype.kind == "b" else scores
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as such
            if kind == "probabilities":
                return narrowed(scores)
            return scores.astype(np.float32, copy=False)

    def predictions(self, scores: Int[np.ndarray, "R E"]) -> Bool[np.ndarray, " R"]:
        """Which runs have predictions at all; a gap in one that does is refused."""
        finished = np.ones(len(scores), dtype=bool)
        for r, run in enumerate(scores):
            absent = run < 0
            if not absent.any():
                continue
            e = int(np.argmax(run < -1 if (run < -1).any() else absent))
            if run[e] < -1:
                self.refuse(f"{self.at('predictions', r, e)} is {run[e]}; classes are numbered 0, 1, 2, …")
            finished[r] = not absent.all()
            if finished[r]:
                self.refuse(
                    f"{self.at('predictions', r, e)} is missing (−1); give the class of every example, or −1 for all "
                    "examples of a run that diverged"
                )
        return finished

    def numbers(self, kind: str, scores: Float[np.ndarray, "R E K"]) -> Bool[np.ndarray, " R"]:
        """Which runs have numbers at all; a NaN or an infinity in one that does is refused."""
        finished = np.ones(len(scores), dtype=bool)
        for r, run in enumerate(scores):
            finite = np.isfinite(run)
            finished[r] = finite.any() or np.isfinite(self.raw.arrays[kind][r]).any()
            if finished[r] and not finite.all():
                e, k = np.argwhere(~finite)[0]
                given = self.raw.arrays[kind][r, e, k]
                if np.isfinite(given):
                    self.refuse(f"{self.at(kind, r, e, k)} is {given:g}, which is more than float32 can hold")
                self.refuse(
                    f"{self.at(kind, r, e, k)} is {run[e, k]}; give finite numbers, or NaN for all examples of a run "
                    "that diverged"
                )
        return finished

    def sums(self, scores: Float[np.ndarray, "R E K"], finished: Bool[np.ndarray, " R"]) -> None:
        for r in np.flatnonzero(finished):
            run = scores[r]
            outside = (run < 0) | (run > 1 + SUM_TOLERANCE)
            if outside.any():
                e, k = np.argwhere(outside)[0]
                self.refuse(f"{self.at('probabilities', r, e, k)} is {run[e, k]:g}; a probability lies between 0 and 1")
            sums = run.sum(axis=1, dtype=np.float64)
            far = np.abs(sums - 1.0) > SUM_TOLERANCE
            if far.any():
                e = int(np.argmax(far))
                self.refuse(
                    f"{self.at('probabilities', r, e)} sums to {sums[e]:.6g}; probabilities sum to 1 (within "
                    f"{SUM_TOLERANCE:g}): normalize them, or write them with more digits"
                )

    def weights(self, name: str, n_runs: int, finished: Bool[np.ndarray, " R"]) -> Float[np.ndarray, "R P"] | None:
        values = self.raw.arrays.get(name)
        if values is None:
            return None
        if values.ndim != 2 or values.dtype.kind != "f" or len(values) != n_runs or values.shape[1] == 0:
            self.refuse(
                f"{name} has shape {values.shape} and type {values.dtype}; expected floats [{n_runs} runs, parameters]"
            )
        other = self.raw.arrays.get("weights", values)
        if other.ndim == 2 and other.shape[1] != values.shape[1]:
            self.refuse(f"{name} has {values.shape[1]} parameters, but weights has {other.shape[1]}")
        for part in blocks(n_runs, bytes_each=values.shape[1]):
            finite = np.isfinite(values[part]) | ~finished[part, None]
            if not finite.all():
                r, p = np.argwhere(~finite)[0]
                r += part.start
                self.refuse(f"{self.at(name, r, p)} is {values[r, p]}; the weights of a run must be finite numbers")
        return values

    def level(self, source: str, values: np.ndarray, n_runs: int) -> Int[np.ndarray, " R"]:
        if values.shape != (n_runs,) or values.dtype.kind not in "iub":
            self.refuse(
                f"{source} has shape {values.shape} and type {values.dtype}; expected an integer, the level of the "
                f"source of randomness '{source}', for each of the {n_runs} runs (rename it if it is something else)"
            )
        return values.astype(np.int64)

    def conditions(self, n_runs: int, name: str) -> Iterator[tuple[str, slice | Int[np.ndarray, " r"]]]:
        """Name and rows of every condition."""
        given = self.raw.arrays.get("condition")
        if given is None:
            yield name, slice(None)
            return
        if given.shape != (n_runs,) or given.dtype.kind not in "US":
            self.refuse(
                f"condition has shape {given.shape} and type {given.dtype}; expected a name for each of the {n_runs} "
                "runs, as text (.astype(str))"
            )
        names = given.astype(str) if given.dtype.kind == "U" else np.char.decode(given, "utf-8", "replace")
        if (names == "").any():
            self.refuse(f"{self.at('condition', int(np.argmax(names == '')))} is empty; give every run a condition")
        for condition in dict.fromkeys(names.tolist()):
            rows = np.flatnonzero(names == condition)
            yield condition, slice(None) if rows.size == n_runs else rows
