"""Charts and sentences of the study of feedback loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from varbench.analysis.charts import Chart, series
from varbench.stats.estimate import Estimate
from varbench.studies.claims.feedback.numbers import Along
from varbench.studies.rules import percent, told

Row: TypeAlias = list[tuple[int, Estimate]]
"""(generation, estimate) in order."""

WORDS = {
    "own": "own labels",
    "drawn": "labels drawn from its probabilities",
    "half": "own labels, half of them replaced by true ones",
    "true": "true labels",
}
"""What the next generation is trained on, by teacher."""

SHORT = {"own": "own labels", "drawn": "drawn labels", "half": "half true", "true": "true labels"}

SHOWN = 2
"""Recipes in a chart."""


def accuracy_chart(along: Mapping[str, Along]) -> Chart:
    """Accuracy of every generation under three teachers."""
    shown = _lines(along, "feedback_accuracy", ("own", "drawn", "true"))
    return _chart("accuracy", "Accuracy, generation by generation", "accuracy on true labels", "fraction", shown)


def diversity_chart(along: Mapping[str, Along]) -> Chart:
    """Classes in use under three teachers."""
    shown = _lines(along, "feedback_classes", ("own", "drawn", "true"))
    return _chart("diversity", "Classes in use", "effective number of predicted classes", "none", shown)


def drift_charts(along: Mapping[str, Along], moving: Mapping[str, Mapping[str, Row]]) -> tuple[Chart, ...]:
    """How far each lineage has moved from its start, how far lineages lie apart, and what the last retraining changed.

    Each on own labels and on true ones, the control.

    Args:
        along: Label → measures along generations.
        moving: Label → "own", "true" and their difference "excess" → what changed since generation 0.
    """
    words = {"own": SHORT["own"], "true": SHORT["true"], "excess": "own less true labels"}
    moved = [(f"{label}, {words[w]}", moving[label][w]) for label in list(along)[:SHOWN] for w in words]
    apart = _lines(along, "feedback_disagreement", ("own", "true"))
    churn = _lines(along, "feedback_churn", ("own", "true"))
    since = _chart("moved", "Drift of each lineage", "test predictions changed since generation 0", "fraction", moved)
    ends = "; ".join(
        f"{label}: {percent(row['own'][-1][1])} on own labels, {percent(row['true'][-1][1])} on true ones, "
        f"a difference of {told(row['excess'][-1][1], scale=100, unit='pp')}"
        for label, row in moving.items()
        if row["own"]
    )
    return (
        replace(
            since,
            reference=0.0,
            caption=f"Both start from the same model. In the last generation: {ends}.",
        ),
        _chart("drift", "Drift of lineages apart", "test predictions on which two lineages differ", "fraction", apart),
        _chart("churn", "What the last retraining changed", "test predictions that differ", "fraction", churn),
    )


def truth_chart(along: Mapping[str, Along], references: Mapping[str, Estimate]) -> Chart:
    """Accuracy of the last generation under every teacher, and of the recipe on all true labels at once."""
    rows = {
        label: [
            *((WORDS[teacher], found["feedback_accuracy", teacher][-1][1]) for teacher in WORDS),
            ("all true labels at once", references[label]),
        ]
        for label, found in along.items()
    }
    finding = "; ".join(
        f"{label}: {', '.join(f'{percent(q)} ({word})' for word, q in row)}" for label, row in rows.items()
    )
    return Chart(
        name="teachers",
        title="Who labels",
        x_label="",
        y_label="accuracy of the last generation",
        unit="fraction",
        kind="rows",
        series=tuple(series(label, row) for label, row in rows.items()),
        caption=f"{finding}.",
    )


def headline(along: Mapping[str, Along]) -> str:
    """The sentence that opens the report."""
    if not along:
        return "No recipe could be measured."
    lines = []
    for label, found in along.items():
        first, last = (found["feedback_accuracy", "own"][i][1] for i in (0, -1))
        control, classes = found["feedback_accuracy", "true"][-1][1], found["feedback_classes", "own"][-1][1]
        lines.append(
            f"{label}: after {found['feedback_accuracy', 'own'][-1][0]} generations on own labels accuracy goes from "
            f"{percent(first)} to {percent(last)}, on true labels to {percent(control)}, with "
            f"{told(classes, digits=1)} classes in use at the end"
        )
    return f"{'. '.join(lines)}."


def _lines(along: Mapping[str, Along], measure: str, teachers: tuple[str, ...]) -> list[tuple[str, Row]]:
    return [
        (f"{label}, {SHORT[teacher]}", found[measure, teacher])
        for label, found in list(along.items())[:SHOWN]
        for teacher in teachers
    ]


def _chart(name: str, title: str, y_label: str, unit: str, lines: list[tuple[str, Row]]) -> Chart:
    def written(estimate: Estimate) -> str:
        return percent(estimate) if unit == "fraction" else told(estimate, digits=2)

    ends = "; ".join(f"{label}: {written(row[-1][1])}" for label, row in lines if row)
    last = max((row[-1][0] for _, row in lines if row), default=0)
    return Chart(
        name=name,
        title=title,
        x_label="generation",
        y_label=y_label,
        unit=unit,
        series=tuple(series(label, [(float(g), q) for g, q in row]) for label, row in lines),
        caption=f"In generation {last}: {ends}.",
    )
