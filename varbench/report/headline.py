"""The opening sentence of a report without a study: what was measured, in the numbers of the document."""

from __future__ import annotations

from varbench.report.document import Condition, Document
from varbench.report.numbers import integer

NAMED = 3
"""Conditions that the sentence names; more would not be read."""


def headline(document: Document) -> str:
    """How far the runs of every condition are apart, at which accuracy."""
    populations = document.populations
    said = [_said(document, condition, named=len(populations) > 1) for condition in populations[:NAMED]]
    if not said:
        return ""
    rest = len(populations) - NAMED
    more = f" {integer(rest)} more condition{'s' if rest > 1 else ''} below." if rest > 0 else ""
    return f"{'; '.join(said)}.{more}{_change(document)}"


def _change(document: Document) -> str:
    """What changes from one condition to the other, where there are just two."""
    compared = [c for c in document.conditions if c.role == "comparison"]
    churn = document.quantity(compared[0].name, "churn") if len(compared) == 1 else None
    if churn is None or churn.value is None:
        return ""
    first, second = document.populations
    matched = " between runs of the same levels" if document.matches(compared[0].name) else ""
    return f" From {first.label} to {second.label}, {churn.said} of the predictions change{matched}."


def _said(document: Document, condition: Condition, *, named: bool) -> str:
    prefix = f"{condition.label}: " if named else ""
    n_runs = condition.n_runs or 0
    lost = condition.lost
    accuracy, disagreement = (document.quantity(condition.name, name) for name in ("accuracy", "disagreement"))
    reached = "" if accuracy is None or accuracy.value is None else accuracy.value_said
    if n_runs == 1:
        at = f" reaches {reached} accuracy" if reached else ""
        return f"{prefix}1 run{lost}{at}; how much runs vary takes at least two"
    if disagreement is None or disagreement.value is None:
        return f"{prefix}{integer(n_runs)} runs{lost}" + (f" reach {reached} accuracy" if reached else "")
    at = f" at {reached} accuracy" if reached else ""
    if disagreement.value == 0:
        return f"{prefix}{integer(n_runs)} runs{lost} agree on every example{at}"
    return f"{prefix}{integer(n_runs)} runs{lost} disagree on {disagreement.said} of the examples{at}"
