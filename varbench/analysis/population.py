"""The arrays of one population, validated once, and what many measures derive from them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int

from varbench.errors import InputError
from varbench.measures import predictions, scores, weights

Layer = tuple[str, int, int]
"""Path of a parameter and the slice start:stop of the P axis that it takes."""

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class PopulationArrays:
    """Outcome of R runs on E test examples with K classes.

    A run that diverged (`finished` False) predicts the label −1 everywhere: wrong, unlike every class,
    equal to another −1. Measures on labels use all R runs; measures on losses, probabilities, logits and
    weights use the runs in `usable`, that finished with finite logits and weights.

    Attributes:
        logits: [R, E, K], stored as float32.
        labels: Right labels [E] in 0..K−1.
        finished: [R], False where the run diverged.
        weights: Final weights [R, P], or None.
        initial_weights: Initial weights [R, P], or None.
        layers: Named slices of the P axis.
        train_loss: [R] in nats, or None.
        train_accuracy: [R] as a fraction, or None.
    """

    logits: Float[np.ndarray, "R E K"]
    labels: Int[np.ndarray, " E"]
    finished: Bool[np.ndarray, " R"]
    weights: Float[np.ndarray, "R P"] | None = None
    initial_weights: Float[np.ndarray, "R P"] | None = None
    layers: tuple[Layer, ...] = ()
    train_loss: Float[np.ndarray, " R"] | None = None
    train_accuracy: Float[np.ndarray, " R"] | None = None
    _derived: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check shapes, types and ranges.

        Raises:
            InputError: Naming the array and the offending index.
        """
        logits = np.asarray(self.logits)
        if logits.ndim != 3 or 0 in logits.shape or not np.issubdtype(logits.dtype, np.floating):
            raise InputError(
                f"The logits have shape {logits.shape} and type {logits.dtype}; expected floats [runs, examples, "
                "classes] with at least one of each."
            )
        object.__setattr__(self, "logits", logits.astype(np.float32, copy=False))
        self._check_labels()
        self._check_runs("finished", "b")
        for name in ("train_loss", "train_accuracy"):
            if getattr(self, name) is not None:
                self._check_runs(name, "f")
        for name in ("weights", "initial_weights"):
            if getattr(self, name) is not None:
                self._check_weights(name)
        self._check_layers()

    @property
    def n_runs(self) -> int:
        """R, diverged runs included."""
        return self.logits.shape[0]

    @property
    def n_examples(self) -> int:
        """E."""
        return self.logits.shape[1]

    @property
    def n_classes(self) -> int:
        """K."""
        return self.logits.shape[2]

    def derived(self, name: Hashable, compute: Callable[[], T]) -> T:
        """`compute()`, called once for each name and kept with the population: for small arrays that measures share."""
        if name not in self._derived:
            self._derived[name] = compute()
        return self._derived[name]

    @property
    def usable(self) -> Bool[np.ndarray, " R"]:
        """True for the runs that finished and whose logits are all finite."""
        return self.derived("usable", lambda: self.finished & scores.finite_runs(self.logits))

    @property
    def usable_logits(self) -> Float[np.ndarray, "r E K"]:
        """Logits of the usable runs: the array itself where all are, otherwise a copy that is kept."""
        return self.logits if self.usable.all() else self.derived("usable_logits", lambda: self.logits[self.usable])

    @property
    def predicted_labels(self) -> Int[np.ndarray, "R E"]:
        """Top-1 labels; −1 for a diverged run, and where a logit is not finite."""

        def compute() -> Int[np.ndarray, "R E"]:
            return np.where(self.finished[:, None], predictions.predicted_labels(self.logits), np.int32(-1))

        return self.derived("predicted_labels", compute)

    @property
    def votes(self) -> Int[np.ndarray, "E C"]:
        """How many runs predict each label on each example; the last column counts −1."""
        return self.derived("votes", lambda: predictions.vote_counts(self.predicted_labels, n_classes=self.n_classes))

    @property
    def correct(self) -> Bool[np.ndarray, "R E"]:
        """True where a run is right."""
        return self.derived("correct", lambda: scores.correctness(self.predicted_labels, self.labels))

    @property
    def accuracy(self) -> Float[np.ndarray, " R"]:
        """Test accuracy of every run, 0 for a diverged one."""
        return self.derived("accuracy", lambda: scores.accuracy_per_run(self.correct))

    @property
    def loss(self) -> Float[np.ndarray, " r"]:
        """Test cross-entropy of the usable runs, in nats."""
        return self.derived("loss", lambda: scores.loss_per_run(self.usable_logits, self.labels))

    @property
    def brier(self) -> Float[np.ndarray, " r"]:
        """Test Brier score of the usable runs, 0 to 2."""
        return self.derived("brier", lambda: scores.brier_per_run(self.usable_logits, self.labels))

    @property
    def usable_weights(self) -> Bool[np.ndarray, " R"]:
        """True for the runs that finished and whose weights, initial and final, are all finite."""

        def compute() -> Bool[np.ndarray, " R"]:
            arrays = [values for values in (self.weights, self.initial_weights) if values is not None]
            return np.logical_and.reduce([self.finished, *map(weights.finite_vectors, arrays)])

        return self.derived("usable_weights", compute)

    def _check_labels(self) -> None:
        labels = np.asarray(self.labels)
        if labels.shape != (self.n_examples,) or not np.issubdtype(labels.dtype, np.integer):
            raise InputError(
                f"The labels have shape {labels.shape} and type {labels.dtype}; expected one integer for each of the "
                f"{self.n_examples} examples of the logits."
            )
        outside = np.flatnonzero((labels < 0) | (labels >= self.n_classes))
        if outside.size:
            raise InputError(
                f"labels[{outside[0]}] is {labels[outside[0]]}; the logits have {self.n_classes} classes, so labels go "
                f"from 0 to {self.n_classes - 1}."
            )
        object.__setattr__(self, "labels", labels.astype(np.int64, copy=False))

    def _check_runs(self, name: str, kind: str) -> None:
        values = np.asarray(getattr(self, name))
        if values.shape != (self.n_runs,) or values.dtype.kind != kind:
            raise InputError(
                f"{name} has shape {values.shape} and type {values.dtype}; expected one "
                f"{'boolean' if kind == 'b' else 'float'} for each of the {self.n_runs} runs."
            )
        object.__setattr__(self, name, values)

    def _check_weights(self, name: str) -> None:
        values = np.asarray(getattr(self, name))
        first = self.weights if self.weights is not None else values
        if values.ndim != 2 or values.dtype.kind != "f" or values.shape != (self.n_runs, np.shape(first)[1]):
            raise InputError(
                f"{name} has shape {values.shape} and type {values.dtype}; expected floats [{self.n_runs} runs, "
                "parameters], with as many parameters in weights as in initial_weights."
            )
        object.__setattr__(self, name, values)

    def _check_layers(self) -> None:
        arrays = [values for values in (self.weights, self.initial_weights) if values is not None]
        n_parameters = arrays[0].shape[1] if arrays else 0
        paths = [path for path, _, _ in self.layers]
        for path, start, stop in self.layers:
            if not 0 <= start < stop <= n_parameters or paths.count(path) > 1:
                raise InputError(
                    f"Layer {path!r} takes the parameters {start}:{stop}; expected a slice that is not empty, within "
                    f"0:{n_parameters}, under a name of its own."
                )
