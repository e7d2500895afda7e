"""The tables of the whole document: summary, conditions, every measure, every estimate, the verdicts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from varbench.report.document import Condition, Document, EstimateRow
from varbench.report.numbers import integer
from varbench.report.tables import PRINTED_ROWS, Cell, Column, Table

MAIN_MEASURES = (
    "accuracy",
    "accuracy_sd",
    "loss",
    "equivalent_loss",
    "disagreement",
    "weight_distance",
    "logit_correlation",
    "ensemble_gain",
)
SIDE_BY_SIDE = 6  # conditions; more would not fit beside each other
HOLDS = {True: "yes", False: "no", None: "not decided"}


def summary_table(document: Document) -> Table | None:
    """Populations × main measures, those that have any; measures that depend on M at the largest M all of them have."""
    populations = [c for c in document.populations if any(r.condition == c.name for r in document.estimates)]
    columns: list[Column] = []
    cells: list[list[EstimateRow | None]] = []
    for name in MAIN_MEASURES:
        at = _common_at(document, populations, name)
        rows = [document.row(c.name, name, at) or document.row(c.name, name) for c in populations]
        if any(rows):
            measure = document.measure(name)
            header = measure.header if at is None else f"{measure.label} (M = {at:g}) {measure.arrow}".strip()
            columns.append(Column(name if at is None else f"{name}@{at:g}", header))
            cells.append(rows)
    if not columns:
        return None
    rows_out: list[tuple[Cell, ...]] = []
    for index, condition in enumerate(populations):
        numbers = [None if column[index] is None else column[index].quantity for column in cells]  # type: ignore[union-attr]
        if not any(numbers):
            continue
        role = "" if condition.role == "population" else f" ({condition.role})"
        rows_out.append((condition.label + role, _runs(condition), *numbers))
    shown = [row for column in cells for row in column if row is not None]
    bare = len(populations) - len(rows_out)
    others = "1 more population has" if bare == 1 else f"{integer(bare)} more populations have"
    without = f" {others} none of these measures." if bare else ""
    return Table(
        "summary",
        f"Main measures of every population. {methods_sentence(document, shown)}{without}",
        (Column("condition", "Population"), Column("runs", "Runs"), *columns),
        tuple(rows_out),
        most=PRINTED_ROWS,
    )


def churn_table(document: Document) -> Table | None:
    """Comparisons of two conditions × what changes from one to the other, where no fuller comparison was made."""
    compared = [c for c in document.conditions if c.role == "comparison"]
    mine = {c.name for c in compared}
    rows = [row for row in document.estimates if row.condition in mine and row.at is None]
    if not rows or any(c.facts.get("to") for c in compared):
        return None
    names = list(dict.fromkeys(row.measure for row in rows))
    return Table(
        "churn",
        f"From one condition to another: what its predictions change. {methods_sentence(document, rows)}",
        (Column("conditions", "Conditions"), *(Column(name, document.measure(name).header) for name in names)),
        tuple((c.label, *(document.quantity(c.name, name) for name in names)) for c in compared),
    )


def conditions_table(document: Document) -> Table | None:
    """What each condition is: size of the model, the data and the training, and its recipe."""
    rows = []
    for c in document.conditions:
        if c.facts and c.role not in ("experiment", "comparison"):
            f = c.facts
            design = f.get("design") or {}
            sources = ", ".join(map(str, design.get("sources") or []))
            kind = " ".join(str(part) for part in (design.get("kind"), f"({sources})" if sources else "") if part)
            rows.append(
                (
                    c.label, c.role, document.label(c.of) or None, _runs(c), f.get("n_parameters"), f.get("n_train"),
                    f.get("n_examples"), f.get("n_classes"), f.get("steps"), kind or None, f.get("recipe_hash"),
                )
            )  # fmt: skip
    if not rows:
        return None
    columns = (
        Column("condition", "Condition"),
        Column("role", "Role"),
        Column("of", "Control of"),
        Column("runs", "Runs"),
        Column("parameters", "Parameters", "count"),
        Column("train", "Training examples", "count"),
        Column("examples", "Test examples", "count"),
        Column("classes", "Classes", "count"),
        Column("steps", "Steps", "count"),
        Column("design", "Design"),
        Column("recipe", "Recipe hash"),
    )
    return Table("conditions", "The conditions.", columns, tuple(rows), most=PRINTED_ROWS)


def recipes_table(document: Document) -> Table | None:
    """One row for each setting of a recipe that any population has; equal recipes are written once."""
    recipes: dict[str, tuple[list[str], dict[str, object]]] = {}
    for c in document.populations:
        recipe = c.facts.get("recipe") or {}
        if recipe:
            key = str(c.facts.get("recipe_hash") or json.dumps(recipe, sort_keys=True))
            recipes.setdefault(key, ([], dict(recipe)))[0].append(c.label)
    if not recipes or len(recipes) > SIDE_BY_SIDE:
        return None
    settings = sorted({name for _, recipe in recipes.values() for name in recipe})
    columns = [Column(f"recipe_{i}", ", ".join(labels)) for i, (labels, _) in enumerate(recipes.values())]
    rows = [(name, *(_setting(recipe.get(name)) for _, recipe in recipes.values())) for name in settings]
    return Table(
        "recipes",
        "Everything held identical within a population.",
        (Column("setting", "Setting"), *columns),
        tuple(rows),
    )


def measures_table(document: Document) -> Table | None:
    """All measures without an `at`, one row each, conditions side by side; none where there are too many."""
    conditions = [c for c in document.conditions if c.role not in ("experiment", "comparison")]
    if len(conditions) > SIDE_BY_SIDE:
        conditions = list(document.populations)
    shown = {c.name for c in conditions}
    names = ordered_measures(r.measure for r in document.estimates if r.at is None and r.condition in shown)
    if not names or not 1 < len(conditions) <= SIDE_BY_SIDE:
        return None
    rows = [(document.measure(name).header, *(document.quantity(c.name, name) for c in conditions)) for name in names]
    columns = [Column(c.name, c.label) for c in conditions]
    return Table("measures", "All measures side by side.", (Column("measure", "Measure"), *columns), tuple(rows))


def estimates_table(document: Document) -> Table | None:
    """Every estimate of the document: the fields as they are for machines, one readable line each for people."""
    if not document.estimates:
        return None
    keys = (
        "condition", "measure", "at", "value", "low", "high", "unit", "level", "method", "n_runs",
        "n_examples", "reason",
    )  # fmt: skip
    rows, digest = [], []
    for r in document.estimates:
        q = r.quantity
        at = r.at if r.at is None or isinstance(r.at, str) else f"{r.at:g}"
        rows.append(
            (
                r.condition, r.measure, r.at, q.value, q.low, q.high, q.unit, r.level, r.method, r.n_runs,
                r.n_examples, q.reason,
            )
        )  # fmt: skip
        digest.append((document.label(r.condition), r.measure, at, q, _how(r), r.n_runs, r.n_examples))
    short = Table(
        "estimates",
        "Every estimate.",
        (
            Column("condition", "Condition"),
            Column("measure", "Measure"),
            Column("at", "At"),
            Column("value", "Value"),
            Column("method", "Interval"),
            Column("n_runs", "Runs", "count"),
            Column("n_examples", "Examples", "count"),
        ),
        tuple(digest),
    )
    return Table("estimates", short.caption, tuple(Column(key, key) for key in keys), tuple(rows), short)


def unavailable_table(document: Document) -> Table | None:
    """One row for each reason: which conditions cannot have which measures."""
    names = {c.name: c.label for c in document.conditions}
    by_reason: dict[tuple[str, str], list[str]] = {}
    for entry in document.items("unavailable"):
        key = (str(entry.get("reason") or ""), str(entry.get("measure") or ""))
        by_reason.setdefault(key, []).append(names.get(str(entry.get("condition")), str(entry.get("condition"))))
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (reason, measure), conditions in by_reason.items():
        groups.setdefault((reason, tuple(conditions)), []).append(document.measure(measure).label)
    if not groups:
        return None
    everywhere = tuple(c.label for c in document.populations)
    rows = [
        (", ".join(measures), "all" if conditions == everywhere else ", ".join(conditions), reason)
        for (reason, conditions), measures in groups.items()
    ]
    columns = (Column("measures", "Measures"), Column("conditions", "Conditions"), Column("reason", "Because"))
    return Table("unavailable", "Not measured, and why.", columns, tuple(rows))


def verdicts_table(document: Document) -> Table | None:
    """One row for each part of each rule."""
    rows: list[tuple[Cell, ...]] = []
    for verdict in document.items("verdicts"):
        head = (
            str(verdict.get("study") or ""),
            verdict_label(document, verdict),
            str(verdict.get("verdict") or ""),
        )
        parts = verdict.get("parts") or [{}]
        for part in parts:
            holds = HOLDS[part["holds"]] if "holds" in part else None
            rows.append((*head, part.get("name"), holds, part.get("text") or verdict.get("reason")))
    if not rows:
        return None
    columns = (
        Column("study", "Study"),
        Column("condition", "Condition"),
        Column("verdict", "Verdict"),
        Column("part", "Part of the rule"),
        Column("holds", "Holds"),
        Column("text", "Because"),
    )
    return Table("verdicts", "The verdicts, part by part.", columns, tuple(rows))


def verdict_label(document: Document, verdict: Mapping[str, Any]) -> str:
    """What a verdict is about: a label of its own, or that of its condition; empty for the whole."""
    return str(verdict.get("label") or document.label(verdict.get("condition")))


def ordered_measures(names: Iterable[str]) -> list[str]:
    """The main measures first, in their order, then the others by name."""
    rank = {name: index for index, name in enumerate(MAIN_MEASURES)}
    return sorted(set(names), key=lambda name: (rank.get(name, len(rank)), name))


def methods_sentence(document: Document, rows: Iterable[EstimateRow]) -> str:
    """Level, method and n of the intervals: `95 % intervals: jackknife over runs (Disagreement); 64 runs, …`."""
    rows = list(rows)
    groups: dict[str, list[str]] = {}
    for row in rows:
        if row.quantity.low is not None or row.quantity.high is not None:
            labels = groups.setdefault(_how(row), [])
            label = document.measure(row.measure).label
            labels += [label] if label not in labels else []
    parts = [f"{how} ({', '.join(labels)})" for how, labels in groups.items()]
    made = [row for row in rows if row.quantity.value is not None]
    counts = [_count((r.n_runs for r in made), "run"), _count((r.n_examples for r in made), "test example")]
    sentence = f"Intervals: {'; '.join(parts)}. " if parts else ""
    counted = ", ".join(count for count in counts if count)
    return (sentence + (f"n = {counted}." if counted else "")).strip()


def _how(row: EstimateRow) -> str:
    if row.quantity.low is None and row.quantity.high is None:
        return "none"
    level = "" if row.level is None else f"{100 * row.level:.4g} % "
    told = row.resampled in ("", "none") or row.resampled in row.method
    over = "" if told else f" over {row.resampled}"
    return f"{level}{row.method or 'method not recorded'}{over}"


def _count(values: Iterable[int | None], what: str) -> str:
    known = sorted({v for v in values if v is not None})
    if not known:
        return ""
    counted = integer(known[0]) if len(known) == 1 else f"{integer(known[0])} to {integer(known[-1])}"
    return f"{counted} {what}" if known == [1] else f"{counted} {what}s"


def _common_at(document: Document, populations: list[Condition], name: str) -> float | None:
    """The largest `at` that all populations with a curve of this measure share; None for a measure without."""
    sizes = [{at for at, _ in document.series(c.name, name)} for c in populations]
    known = [s for s in sizes if s]
    common = set.intersection(*known) if known else set()
    return max(common) if common else None


def _runs(condition: Condition) -> str | None:
    if condition.n_runs is None:
        return None
    return f"{integer(condition.n_runs)}{condition.lost}"


def _setting(value: object) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
