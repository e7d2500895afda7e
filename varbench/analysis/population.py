"""The arrays of one population, validated once, and what many measures derive from them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int

from varbench.analysis import checks
from varbench.analysis.networks import Networks
from varbench.errors import InputError
from varbench.measures import lengths, predictions, scores, weights
from varbench.stats.crossing import Crossing, OneAtATime, crossing, one_at_a_time
from varbench.stats.sharing import Sharing, sharing

Layer = tuple[str, int, int]
"""Path of a parameter and the slice start:stop of the P axis that it takes."""

T = TypeVar("T")

ABSENT = {
    "logits": "there are no logits",
    "probabilities": "there are neither logits nor probabilities",
    "log_loss": "there are neither logits nor probabilities",
    "weights": "the population was stored without its weights",
    "initial_weights": "the population was stored without its initial weights",
    "train_loss": "the population was stored without its loss on the training examples",
    "train_accuracy": "the population was stored without its accuracy on the training examples",
    "levels": "the levels of the runs on the sources of randomness are not known",
    "crossing": "the sources of randomness are not crossed",
    "one_at_a_time": "the sources of randomness are not varied one at a time",
    "snapshots": "the population was stored without snapshots of its weights along the training",
    "networks": "the networks themselves are not at hand, only what they predicted",
}
"""Everything that a measure can need beside labels and predictions, and what is said where it is missing."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PopulationArrays:
    """Outcome of R runs on E test examples with K classes.

    Exactly one of logits, probabilities and predictions is given. A run that diverged (`finished` False) predicts the
    label −1 everywhere: wrong, unlike every class, equal to another −1. Measures on labels use all R runs; measures on
    losses, probabilities, logits and weights use the runs in `usable`, that finished with finite logits and weights.

    Attributes:
        labels: Right labels [E] in 0..K−1.
        logits: [R, E, K], stored as float32.
        probabilities: [R, E, K], stored as float32 (float64 where one above 0 would become 0); each row adds up to 1
            (within 1e-3).
        predictions: Predicted labels [R, E] in −1..K−1; −1 is no prediction.
        finished: [R], False where the run diverged; None if all did that have any number, or predict anything.
        weights: Final weights [R, P], or None.
        initial_weights: Initial weights [R, P], or None.
        layers: Named slices of the P axis.
        train_loss: [R] in nats, or None.
        train_accuracy: [R] as a fraction, or None.
        levels: Source of randomness → level [R] of every run; may be empty.
        snapshots: Weights [R, S, P] along the training, or None.
        snapshot_steps: Their steps [S], ascending.
        networks: The networks as functions of their weights, or None.
        classes: K where only predictions are given; by default one more than the largest class there is,
            and a label far above all predictions is refused.
    """

    labels: Int[np.ndarray, " E"]
    logits: Float[np.ndarray, "R E K"] | None = None
    probabilities: Float[np.ndarray, "R E K"] | None = None
    predictions: Int[np.ndarray, "R E"] | None = None
    finished: Bool[np.ndarray, " R"] = None  # type: ignore[assignment]  # found when made without
    weights: Float[np.ndarray, "R P"] | None = None
    initial_weights: Float[np.ndarray, "R P"] | None = None
    layers: tuple[Layer, ...] = ()
    train_loss: Float[np.ndarray, " R"] | None = None
    train_accuracy: Float[np.ndarray, " R"] | None = None
    levels: Mapping[str, Int[np.ndarray, " R"]] = field(default_factory=dict)
    snapshots: Float[np.ndarray, "R S P"] | None = None
    snapshot_steps: Int[np.ndarray, " S"] | None = None
    networks: Networks | None = None
    classes: int | None = None
    _derived: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check shapes, types and ranges.

        Raises:
            InputError: Naming the array and the offending index.
        """
        for name, value in checks.checked(self).items():
            object.__setattr__(self, name, value)

    @property
    def n_runs(self) -> int:
        """R, diverged runs included."""
        return self._given.shape[0]

    @property
    def n_examples(self) -> int:
        """E."""
        return self._given.shape[1]

    @property
    def n_classes(self) -> int:
        """K."""
        if self.predictions is None:
            return self._given.shape[2]
        assert self.classes is not None  # set when made
        return self.classes

    @property
    def _given(self) -> np.ndarray:
        return next(a for a in (self.logits, self.probabilities, self.predictions) if a is not None)

    def lacks(self, need: str) -> str:
        """Why something in `ABSENT` is missing here, as a sentence without a final stop; empty if it is there."""
        if need in ("crossing", "one_at_a_time"):
            found = getattr(self, need) if self.levels else ABSENT["levels"]
            return found if isinstance(found, str) else ""
        if need in ("probabilities", "log_loss"):
            there = self.predictions is None
        elif need in ("weights", "initial_weights"):
            array = getattr(self, need)
            there = array is not None and array.shape[1] > 0
            if there and not self.usable_weights.any() and np.isfinite(array[self.finished]).all(axis=1).any():
                return f"the weights are beyond {lengths.LARGEST:g}, and their distances leave float64"
        elif need == "levels":
            there = bool(self.levels)
        else:
            there = getattr(self, need) is not None
        return "" if there else ABSENT[need]

    def derived(self, name: Hashable, compute: Callable[[], T]) -> T:
        """`compute()`, called once for each name and kept with the population: for small arrays that measures share."""
        if name not in self._derived:
            self._derived[name] = compute()
        return self._derived[name]

    @property
    def crossing(self) -> Crossing | str:
        """The crossed design that the levels are, or why they are none."""
        return self.derived("crossing", lambda: crossing(self.levels))

    @property
    def one_at_a_time(self) -> OneAtATime | str:
        """The runs of each source where one source varies at a time, or why that is not so."""
        return self.derived("one_at_a_time", lambda: one_at_a_time(self.levels))

    @property
    def shared(self) -> Sharing | None:
        """The varying sources of which runs share a level: then the runs are not independent. None where none do."""
        return self.derived("shared", lambda: sharing(self.levels))

    def shared_among(self, rows: Bool[np.ndarray, " R"]) -> Sharing | None:
        """`shared` for some of the runs."""
        return self.shared and sharing({source: column[rows] for source, column in self.levels.items()})

    @property
    def usable(self) -> Bool[np.ndarray, " R"]:
        """True for the runs that finished and whose logits (or probabilities) are all finite."""
        if self.predictions is not None:
            return self.finished
        return self.derived("usable", lambda: self.finished & scores.finite_runs(self._given))

    @property
    def n_repeated(self) -> int:
        """Usable runs with the outputs and weights of an earlier one, bit for bit; 0 where only labels are known."""

        def compute() -> int:
            arrays = [a for a in (self.logits, self.probabilities, self.weights) if a is not None and a.size]
            if not arrays:
                return 0
            arrays += [self.predictions] if self.predictions is not None else []
            rows = np.flatnonzero(self.usable)
            return len(rows) - len({_digest([a[run] for a in arrays]) for run in rows})

        return self.derived("n_repeated", compute)

    @property
    def usable_logits(self) -> Float[np.ndarray, "r E K"]:
        """Logits of the usable runs; their log-probabilities, which are logits too, where probabilities were given.

        The array itself where all runs are usable, otherwise a copy that is kept.

        Raises:
            InputError: If there are predictions only.
        """
        if self.predictions is not None:
            raise InputError(
                "this population has predicted labels only: a measure that reads logits or probabilities says so with "
                'needs=("probabilities",) where it is registered'
            )
        if self.logits is None:
            return self.derived("usable_logits", lambda: scores.logs_of(self._given[self.usable]))
        return self.logits if self.usable.all() else self.derived("usable_logits", lambda: self._given[self.usable])

    @property
    def predicted_labels(self) -> Int[np.ndarray, "R E"]:
        """Top-1 labels; −1 for a diverged run, and where a logit is not finite."""

        def compute() -> Int[np.ndarray, "R E"]:
            top = self.predictions if self.predictions is not None else predictions.predicted_labels(self._given)
            return top if self.finished.all() else np.where(self.finished[:, None], top, np.int32(-1))

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
        """Test cross-entropy of the usable runs, in nats; infinite where a right class has probability exactly 0."""

        def compute() -> Float[np.ndarray, " r"]:
            found = scores.loss_per_run(self.usable_logits, self.labels)
            return np.where(self.ruled_out.any(axis=1), np.inf, found)

        return self.derived("loss", compute)

    @property
    def ruled_out(self) -> Bool[np.ndarray, "r E"]:
        """True where a usable run gives the right class a probability of exactly 0; nowhere where logits were given."""

        def compute() -> Bool[np.ndarray, "r E"]:
            if self.probabilities is None:
                return np.zeros((int(self.usable.sum()), self.n_examples), dtype=bool)
            return (self.probabilities[:, np.arange(self.n_examples), self.labels] == 0)[self.usable]

        return self.derived("ruled_out", compute)

    @property
    def infinite_loss(self) -> str:
        """Why the test loss of some run is infinite, as a sentence without a final stop; empty if none is."""
        count, of = int(np.count_nonzero(self.ruled_out)), self.ruled_out.size
        sentence = f"{count:,} of {of:,} right classes have probability exactly 0, so the log loss is infinite"
        return sentence if count else ""

    @property
    def brier(self) -> Float[np.ndarray, " r"]:
        """Test Brier score of the usable runs, 0 to 2."""
        return self.derived("brier", lambda: scores.brier_per_run(self.usable_logits, self.labels))

    @property
    def usable_snapshots(self) -> Bool[np.ndarray, " R"]:
        """True for the runs that finished, weights up to 1e300 at every snapshot; none without snapshots."""

        def compute() -> Bool[np.ndarray, " R"]:
            if self.snapshots is None:
                return np.zeros(self.n_runs, dtype=bool)
            finite = [weights.measurable_vectors(self.snapshots[:, step]) for step in range(self.snapshots.shape[1])]
            return np.logical_and.reduce([self.finished, *finite])

        return self.derived("usable_snapshots", compute)

    @property
    def usable_weights(self) -> Bool[np.ndarray, " R"]:
        """True for the runs that finished and whose weights, initial and final, are finite and not beyond 1e300."""

        def compute() -> Bool[np.ndarray, " R"]:
            arrays = [values for values in (self.weights, self.initial_weights) if values is not None]
            return np.logical_and.reduce([self.finished, *map(weights.measurable_vectors, arrays)])

        return self.derived("usable_weights", compute)


def _digest(arrays: list[np.ndarray]) -> bytes:
    """SHA-256 of their bytes."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.tobytes())
    return digest.digest()
