"""The content of `plan.json`: answer, table, curves and notes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from varbench.analysis.planning.answers import (
    Needed,
    curve_of,
    needed_runs,
    runs_of_curve,
    shown_difference,
    shown_probability,
    shown_width,
)
from varbench.analysis.planning.goals import Goal
from varbench.analysis.planning.spreads import DeviationSpread, MeanSpread, Spread
from varbench.report.numbers import number
from varbench.report.plan import words

SCHEMA = 1
MULTIPLES = (1, 2, 4)
"""The overview shows what so many times the pilot's runs would show."""


@dataclass(frozen=True)
class Subject:
    """A measure and its spread.

    Attributes:
        measure: Its name.
        label: What it is called.
        unit: Unit of its differences and widths: "pp", "nats", "", …
        spread: What is known of its spread.
    """

    measure: str
    label: str
    unit: str
    spread: Spread


@dataclass(frozen=True)
class Basis:
    """Where the spread comes from.

    Attributes:
        subjects: The measures, the main one first; none where only P(A > B) is asked of.
        pilot: What the pilot is called, "" where there is none.
        condition: Its name in its report, "" where there is none.
        pilot_runs: Runs behind the spread, or None.
        other_sd: SD of the other pipeline, or None.
        notes: More to say about it.
    """

    subjects: tuple[Subject, ...]
    pilot: str = ""
    condition: str = ""
    pilot_runs: int | None = None
    other_sd: float | None = None
    notes: tuple[str, ...] = ()


def plan_document(goal: Goal, basis: Basis) -> dict[str, Any]:
    """Reckon and put in words.

    Raises:
        InputError: If the goal cannot be reached.
    """
    main = basis.subjects[0] if basis.subjects else None
    needed: list[dict[str, Any]] = []
    if goal.kind in ("runs", "overview"):
        runs, counts = None, _counts(goal, basis)
        shown = _shown(goal, basis, counts)
        answer = _answer_shown(goal, basis, counts[0])
        marked = counts
    else:
        ways = needed_runs(goal, main.spread if main else None, other_sd=basis.other_sd)
        runs = ways[0].runs
        needed = [{"way": w.way, "runs": w.runs, "meaning": _way(w, goal, basis)} for w in ways]
        name, unit = (_inline(main), main.unit) if main else ("", "")
        is_sd = main is not None and isinstance(main.spread, DeviationSpread)
        answer = words.answer_needed(goal, runs, name=name, unit=unit, is_sd=is_sd)
        counts = [n for n in (basis.pilot_runs, runs) if n and n > 1]
        shown = []
        marked = counts
    return {
        "schema": SCHEMA,
        "answer": answer,
        "runs": runs,
        "goal": {**dataclasses.asdict(goal), "level": goal.level, "alpha_of_one": goal.alpha_of_one},
        "basis": _basis(basis),
        "needed": needed,
        "shown": shown,
        "curves": _curves(goal, basis, marked),
        "notes": [*words.notes(goal, pilot=bool(basis.pilot), given_sd=not basis.pilot), *basis.notes],
    }


def _way(entry: Needed, goal: Goal, basis: Basis) -> str:
    spread = basis.subjects[0].spread if basis.subjects else None
    about, of_runs = (spread.basis, spread.of_runs) if spread else ("", False)
    return words.way(entry, goal, basis=about, of_runs=of_runs, pilot_runs=basis.pilot_runs)


def _counts(goal: Goal, basis: Basis) -> list[int]:
    """Numbers of runs that are shown, the one of the answer first."""
    if goal.kind == "runs":
        assert goal.value is not None
        return list(dict.fromkeys([int(goal.value), *([basis.pilot_runs] if basis.pilot_runs else [])]))
    assert basis.pilot_runs is not None
    return [factor * basis.pilot_runs for factor in MULTIPLES]


def _shown(goal: Goal, basis: Basis, counts: Sequence[int]) -> list[dict[str, Any]]:
    """One row for each quantity and measure."""
    rows: list[dict[str, Any]] = []
    for subject in basis.subjects:
        widths = [shown_width(subject.spread, n, goal) for n in counts]
        rows.append(_row("width", subject, counts, widths))
        if not isinstance(subject.spread, DeviationSpread):
            found = [shown_difference(subject.spread, n, goal, other_sd=basis.other_sd) for n in counts]
            rows.append(_row("difference", subject, counts, found))
    rows.append(_row("probability", None, counts, [shown_probability(n, goal) for n in counts]))
    return rows


def _row(
    quantity: str, subject: Subject | None, counts: Sequence[int], values: Sequence[float | None]
) -> dict[str, Any]:
    unit = "fraction" if quantity == "probability" else subject.unit if subject else ""
    meaning = words.QUANTITIES[quantity] + (f": {_inline(subject)}" if subject else "")
    return {
        "quantity": quantity,
        "measure": subject.measure if subject else None,
        "meaning": meaning,
        "unit": unit,
        "runs": list(counts),
        "values": list(values),
        "texts": ["—" if value is None else number(value, unit) for value in values],
    }


def _answer_shown(goal: Goal, basis: Basis, runs: int) -> str:
    subject = basis.subjects[0]
    return words.answer_shown(
        goal,
        runs,
        name=_inline(subject),
        unit=subject.unit,
        difference=shown_difference(subject.spread, runs, goal, other_sd=basis.other_sd),
        width=shown_width(subject.spread, runs, goal),
        pilot=basis.pilot,
    )


def _curves(goal: Goal, basis: Basis, marked: list[int]) -> list[dict[str, Any]]:
    """The wanted quantity against the runs; for what runs show, width and difference of the main measure."""
    main = basis.subjects[0] if basis.subjects else None
    spread = main.spread if main else None
    wanted = {"difference": ["difference"], "width": ["width"], "probability": ["probability"]}
    quantities = wanted.get(goal.kind, ["width", "difference"])
    if isinstance(spread, DeviationSpread):
        quantities = [quantity for quantity in quantities if quantity != "difference"]
    runs = runs_of_curve(marked)
    found = []
    for quantity in quantities:
        curve = curve_of(quantity, goal, spread, runs=runs, other_sd=basis.other_sd)
        unit = "fraction" if quantity == "probability" else main.unit if main else ""
        found.append(
            {
                "quantity": quantity,
                "measure": main.measure if main and quantity != "probability" else None,
                "label": words.QUANTITIES[quantity],
                "unit": unit,
                "runs": list(curve.runs),
                "values": list(curve.values),
                "upper": None if curve.upper is None else list(curve.upper),
            }
        )
    return found


def _basis(basis: Basis) -> dict[str, Any]:
    return {
        "pilot": basis.pilot or None,
        "condition": basis.condition or None,
        "pilot_runs": basis.pilot_runs,
        "other_sd": basis.other_sd,
        "measures": [
            {
                "measure": s.measure,
                "label": s.label,
                "unit": s.unit,
                "method": s.spread.basis,
                "sd": s.spread.sd if isinstance(s.spread, MeanSpread | DeviationSpread) else None,
                "sd_upper": s.spread.high if isinstance(s.spread, MeanSpread | DeviationSpread) else None,
                "components": list(getattr(s.spread, "components", ())) or None,
            }
            for s in basis.subjects
        ],
    }


def _inline(subject: Subject) -> str:
    """`Test accuracy` → `test accuracy`; `SD of loss` stays."""
    first, rest = subject.label[:1], subject.label[1:]
    return first.lower() + rest if rest[:1].islower() else subject.label
