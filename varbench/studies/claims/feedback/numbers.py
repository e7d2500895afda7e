"""What is measured along generations, from the predictions of every lineage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from varbench.measures.churn import paired_churn
from varbench.stats.estimate import Estimate
from varbench.studies.claims.feedback.loop import TEACHERS, classes_in_use
from varbench.studies.study import Arrays
from varbench.studies.sweeps import change, disagreement, disagreement_ratio, over_runs

Along = Mapping[tuple[str, str], list[tuple[int, Estimate]]]
"""(measure, teacher) → (generation, estimate) in order."""

FRACTION, DIFFERENCE = (0.0, 1.0), (-1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Lineages:
    """The lineages that stayed finite under every teacher.

    Attributes:
        predictions: Labels [G + 1, T, L, E] on the test examples.
        confidence: Mean of the largest probability [G + 1, T, L].
        truth: Share of the training labels that are right [G + 1, T, L].
        labels: True test labels [E].
        classes: K.
        lost: How many lineages diverged and are left out.
    """

    predictions: Int[np.ndarray, "g T L E"]
    confidence: Float[np.ndarray, "g T L"]
    truth: Float[np.ndarray, "g T L"]
    labels: Int[np.ndarray, " E"]
    classes: int
    lost: int

    @property
    def generations(self) -> int:
        """G, the number of the last generation."""
        return len(self.predictions) - 1

    @property
    def lineages(self) -> int:
        """L."""
        return self.predictions.shape[2]

    def of(self, teacher: str, generation: int) -> Int[np.ndarray, "L E"]:
        """Predictions of one generation."""
        return self.predictions[generation, TEACHERS.index(teacher)]

    def accuracy(self, teacher: str, generation: int) -> Float[np.ndarray, " L"]:
        """On the true test labels."""
        return (self.of(teacher, generation) == self.labels).mean(axis=1)

    def churn(self, teacher: str, generation: int) -> Float[np.ndarray, " L"]:
        """Share of the predictions that differ from the generation before."""
        return paired_churn(self.of(teacher, generation - 1), self.of(teacher, generation), self.labels).changed

    def moved(self, teacher: str, generation: int) -> Float[np.ndarray, " L"]:
        """Share of the predictions of a generation that differ from generation 0."""
        return paired_churn(self.of(teacher, 0), self.of(teacher, generation), self.labels).changed

    def moved_excess(self, generation: int) -> Estimate:
        """How much more has changed since generation 0 on own labels than on true ones, lineages matched."""
        on_true, on_own = self.moved("true", generation), self.moved("own", generation)
        return change(on_true, on_own, n_examples=len(self.labels), bounds=DIFFERENCE)

    def moving(self) -> dict[str, list[tuple[int, Estimate]]]:
        """What has changed since generation 0, on own and on true labels and the first less the second."""
        rows: dict[str, list[tuple[int, Estimate]]] = {"own": [], "true": [], "excess": []}
        for g in range(1, self.generations + 1):
            for teacher in ("own", "true"):
                moved = over_runs(self.moved(teacher, g), n_examples=len(self.labels), bounds=FRACTION)
                rows[teacher].append((g, moved))
            rows["excess"].append((g, self.moved_excess(g)))
        return rows

    def in_use(self, teacher: str, generation: int) -> Float[np.ndarray, " L"]:
        """Effective number of classes predicted."""
        return classes_in_use(self.of(teacher, generation), classes=self.classes)

    def along(self) -> Along:
        """Every measure for every teacher and generation."""
        examples, found = len(self.labels), dict[tuple[str, str], list[tuple[int, Estimate]]]()
        for place, teacher in enumerate(TEACHERS):
            for g in range(self.generations + 1):
                row = {
                    "accuracy": over_runs(self.accuracy(teacher, g), n_examples=examples, bounds=FRACTION),
                    "classes": over_runs(
                        self.in_use(teacher, g), n_examples=examples, bounds=(1.0, float(self.classes))
                    ),
                    "confidence": over_runs(self.confidence[g, place], n_examples=examples, bounds=FRACTION),
                    "disagreement": disagreement(self.of(teacher, g), classes=self.classes),
                    "truth": over_runs(self.truth[g, place], bounds=FRACTION),
                }
                if g == self.generations:
                    row["moved"] = over_runs(self.moved(teacher, g), n_examples=examples, bounds=FRACTION)
                if g:
                    row["churn"] = over_runs(self.churn(teacher, g), n_examples=examples, bounds=FRACTION)
                for measure, estimate in row.items():
                    found.setdefault((f"feedback_{measure}", teacher), []).append((g, estimate))
        return found

    def effects(self) -> dict[str, Estimate]:
        """What the rule decides about: own labels against true ones, lineages matched with themselves."""
        last, examples = self.generations, len(self.labels)
        return {
            "feedback_accuracy_change": change(
                self.accuracy("true", last), self.accuracy("own", last), n_examples=examples, bounds=DIFFERENCE
            ),
            "feedback_classes_change": change(self.in_use("true", last), self.in_use("own", last), n_examples=examples),
            "feedback_disagreement_ratio": disagreement_ratio(
                self.of("true", last), self.of("own", last), classes=self.classes
            ),
            "feedback_moved_excess": self.moved_excess(last),
        }


def lineages_of(made: Arrays, *, classes: int) -> Lineages:
    """The lineages of an experiment that stayed finite under every teacher, and how many did not."""
    alive = (made["predictions"] >= 0).all(axis=(0, 1, 3))
    return Lineages(
        made["predictions"][:, :, alive].astype(np.int32),
        made["confidence"][:, :, alive],
        made["truth"][:, :, alive],
        made["labels"],
        classes,
        int((~alive).sum()),
    )
