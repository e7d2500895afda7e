"""The differences of a document as rows: what tables, figures, the opening sentence and the terminal are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from varbench.report.document import Condition, Document
from varbench.report.numbers import Quantity, plus
from varbench.report.overview import MAIN_MEASURES, ordered_measures

CHURN = ("churn", "good_churn", "bad_churn", "win_loss_ratio")
SHORT = 12
"""Rows of a short table."""

SAID = 3
"""Comparisons that the opening sentence tells of; more would not be read."""


@dataclass(frozen=True)
class Difference:
    """One measure of two conditions as it is shown."""

    measure: str
    label: str
    at: float | str | None
    value_a: Quantity
    value_b: Quantity
    gap: Quantity
    p: float | None
    p_holm: float | None
    p_reason: str
    improvement: Quantity | None
    paired: bool
    method: str
    n_runs: int | None


@dataclass(frozen=True)
class Pair:
    """Two conditions and their differences: the main measures first, and then the others by name."""

    a: Condition
    b: Condition
    population: str
    differences: tuple[Difference, ...]
    examples: str = ""
    """How their test examples were matched, as a sentence; empty without runs."""

    @property
    def title(self) -> str:
        """`B · adam against A · sgd`."""
        return f"{self.b.label} against {self.a.label}"

    @property
    def letters(self) -> tuple[str, str]:
        """What the two are called in headings: `A` and `C`."""
        return self.a.name.split(" ")[0], self.b.name.split(" ")[0]

    @property
    def name(self) -> str:
        """Name of the condition that holds the churn from one to the other."""
        return f"{self.a.name} → {self.b.name}"

    @property
    def main(self) -> list[Difference]:
        """The main measures, each without a position or at its largest number of members.

        Where none is there, all rows, or of many those without a position.
        """
        found: dict[str, Difference] = {}
        for row in self.differences:
            if row.measure in MAIN_MEASURES and not isinstance(row.at, str):
                kept = found.get(row.measure)
                if kept is None or (kept.at is not None and (row.at is None or row.at > kept.at)):  # type: ignore[operator]
                    found[row.measure] = row
        if not found:
            whole = [row for row in self.differences if row.at is None]
            return whole if whole and len(self.differences) > SHORT else list(self.differences)
        return [found[name] for name in MAIN_MEASURES if name in found]


def pairs(document: Document) -> list[Pair]:
    """Every comparison of two conditions, in the order of the document."""
    conditions = {condition.name: condition for condition in document.conditions}
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    populations, examples = {}, {}
    for condition in document.conditions:
        a, b = condition.of, condition.facts.get("to")
        if condition.role == "comparison" and a in conditions and b in conditions:
            found[str(a), str(b)] = []
            populations[str(a), str(b)] = str(condition.facts.get("population") or "")
            examples[str(a), str(b)] = str(condition.facts.get("examples") or "")
    for row in document.items("comparisons"):
        found.setdefault((str(row["a"]), str(row["b"])), []).append(row)
    shown = []
    for (a, b), rows in found.items():
        order = {name: i for i, name in enumerate(ordered_measures(str(row["measure"]) for row in rows))}
        differences = sorted((_difference(document, row) for row in rows), key=lambda d: order[d.measure])
        population = str(rows[0].get("population") or "") if rows else populations[a, b]
        shown.append(Pair(conditions[a], conditions[b], population, tuple(differences), examples.get((a, b), "")))
    return shown


def _difference(document: Document, row: Mapping[str, Any]) -> Difference:
    name = str(row["measure"])
    measure, at = document.measure(name), row.get("at")
    reason = str(row.get("reason") or "")
    values = [
        document.quantity(str(row[side]), name, at) or Quantity(row.get(f"value_{side}"), unit=measure.unit)
        for side in ("a", "b")
    ]
    chance = row.get("probability_of_improvement")
    place = "" if at is None else f" (M = {at:g})" if isinstance(at, int | float) and "ensemble" in name else f" ({at})"
    return Difference(
        measure=name,
        label=f"{measure.label}{place} {measure.arrow}".strip(),
        at=at,
        value_a=values[0],
        value_b=values[1],
        gap=Quantity(row.get("difference"), row.get("low"), row.get("high"), str(row.get("unit") or ""), reason),
        p=row.get("p"),
        p_holm=row.get("p_holm"),
        p_reason=str(row.get("p_reason") or ""),
        improvement=None if chance is None else _chance(chance),
        paired=bool(row.get("paired")),
        method=str(row.get("method") or ""),
        n_runs=row.get("n_runs"),
    )


def _chance(entry: Mapping[str, Any]) -> Quantity:
    value, low, high = (entry.get(key) for key in ("value", "low", "high"))
    return Quantity(value, low, high, "probability", str(entry.get("reason") or ""))


def p_text(p: float | None) -> str:
    """`0.013`, `< 0.001`, or an em dash where there is none."""
    if p is None:
        return "—"
    return "< 0.001" if p < 0.001 else f"{p:.2g}" if p < 0.0995 else f"{p:.2f}"


def signed(quantity: Quantity) -> str:
    """A difference with its sign: `+2.1 pp [1.0, 3.2]`."""
    return f"{plus(quantity)}{quantity.text}"


def headline(document: Document) -> str:
    """What changed in accuracy, and how many predictions with it."""
    found = pairs(document)
    said = [_said(document, pair, named=len(found) > 1) for pair in found[:SAID]]
    rest = len(found) - SAID
    more = f" {rest} more comparison{'s' if rest > 1 else ''} below." if rest > 0 else ""
    return f"{' '.join(said)}{more}"


def _said(document: Document, pair: Pair, *, named: bool) -> str:
    prefix = f"{pair.title}: " if named else ""
    row = next((d for d in pair.main if d.gap.value is not None), None)
    churn = document.quantity(pair.name, "churn")
    changing = ""
    if churn is not None and churn.value is not None:
        changing = f"{churn.said} of the predictions change" if churn.value > 0 else "no prediction changes"
        changing += " between runs of the same levels" if document.matches(pair.name) else ""
    if row is None and changing:
        return f"{prefix}From {pair.a.label} to {pair.b.label}, {changing}."
    if row is None:
        return f"{prefix}The two have no measure with a difference that can be told."
    told = "" if row.p_holm is None else f" (Holm p {_relation(row.p_holm)})"
    measure = document.measure(row.measure)
    verb = "does not change" if row.gap.value == 0 else f"changes by {signed(row.gap)}"
    sentence = (
        f"{prefix}From {pair.a.label} to {pair.b.label}, {measure.inline} {verb}"
        f"{told}, {row.value_a.value_said} to {row.value_b.value_said}"
    )
    if named:
        sentence = f"{prefix}{measure.inline} {verb}{told}, {row.value_a.value_said} to {row.value_b.value_said}"
    return f"{sentence}; {changing}." if changing else f"{sentence}."


def _relation(p: float) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"


def churn_row(document: Document, pair: Pair) -> list[Quantity | None]:
    """Churn, good churn, bad churn and their ratio."""
    return [document.quantity(pair.name, name) for name in CHURN]


def examples_said(shown: Sequence[Pair]) -> str:
    """How test examples were matched, once where it was the same way for all."""
    told = {pair.examples: [p.name for p in shown if p.examples == pair.examples] for pair in shown if pair.examples}
    if len(told) < 2:
        return "".join(told)
    return " ".join(f"{', '.join(names)}: {sentence}" for sentence, names in told.items())


def environment_rows(document: Document) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(population, what, [(condition, value)]) for everything that differs."""
    rows = []
    for entry in document.items("environment"):
        values = [_value(value) for value in entry.get("values") or []]
        names = [document.label(str(name)) for name in entry.get("conditions") or []]
        rows.append(
            (str(entry.get("population") or ""), str(entry.get("what") or ""), list(zip(names, values, strict=False)))
        )
    return rows


def _value(value: Any) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value) or "(empty)"
