"""The curve of a plan: the wanted quantity against the number of runs, pilot and answer marked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from varbench.report.figures.kind import Panel
from varbench.report.figures.style import (
    BLUE,
    FAINT,
    INK,
    SMALL,
    SOFT,
    VERMILION,
    axes_at,
    head,
    horizontal_grid,
    number_axis,
    panel_figure,
    with_unit,
)
from varbench.report.numbers import integer, number
from varbench.report.tables import Cell, Column, Table

TICKS = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
TALLEST = 8.0  # times the value at the right end: the first few runs are cut off, not the rest squeezed
PLOT = 1.5  # inches


def panels(plan: Mapping[str, Any]) -> Iterator[Panel]:
    """One panel for each curve of the plan."""
    for curve in plan["curves"]:
        if len(curve["runs"]) > 1:
            yield _panel(plan, curve)


def table(plan: Mapping[str, Any]) -> Table:
    """Every point of every curve."""
    rows: list[tuple[Cell, ...]] = []
    for curve in plan["curves"]:
        upper = curve["upper"] or [None] * len(curve["runs"])
        for runs, value, high in zip(curve["runs"], curve["values"], upper, strict=True):
            rows.append((curve["quantity"], curve["measure"], runs, value, high))
    columns = (
        Column("quantity", "Quantity"),
        Column("measure", "Measure"),
        Column("runs", "Runs"),
        Column("value", "Value"),
        Column("value_at_upper_spread", "At the upper end of the spread"),
    )
    return Table("plan", "The curve of the plan, in stored units.", columns, tuple(rows))


def _panel(plan: Mapping[str, Any], curve: Mapping[str, Any]) -> Panel:
    unit, measure = curve["unit"], _label(plan, curve["measure"])
    figure = panel_figure(measure or "A against B", height=PLOT + 0.95)
    axes = axes_at(figure, top=0.5, height=PLOT)
    runs, values = curve["runs"], curve["values"]
    goal = plan["goal"]["value"] if plan["runs"] else None
    marks = _marks(plan, curve)
    axes.plot(runs, values, color=BLUE, linewidth=1.6)
    if curve["upper"]:
        axes.plot(runs, curve["upper"], color=BLUE, linewidth=1.0, linestyle=(0, (4, 2)))
    _scale(axes, curve, [value for _, value, _ in marks])
    if goal is not None:
        axes.axhline(goal, color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
    for count, value, word in marks:
        color = INK if word == "pilot" else VERMILION
        axes.plot([count], [value], "s" if word == "pilot" else "o", color=color, markersize=5, markeredgecolor="white")
        place: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "fontsize": SMALL, "color": color}
        axes.annotate(f"{word}: {integer(count)}", (count, value), (-5, -11), **place)  # below the falling curve
    number_axis(axes.yaxis, unit, bins=5)
    horizontal_grid(axes)
    axes.set_xlabel("runs" if curve["quantity"] == "width" else "runs of each pipeline", color=SOFT)
    count, value = marks[-1][:2] if marks else (runs[-1], values[-1])
    last = f"{number(value, unit)} at {integer(count)} runs"
    head(axes, with_unit(curve["label"], unit), last)
    said = "; ".join(f"{number(value, unit)} at {integer(count)} runs ({word})" for count, value, word in marks)
    finding = f"{curve['label']}: {said or last}."
    upper = " Dashed: if runs vary as much as the pilot still allows." if curve["upper"] else ""
    alt = f"{measure or 'P(A > B)'}, {curve['label'].lower()} against the number of runs, a falling curve. {finding}"
    return Panel(f"plan--{curve['quantity']}", figure, finding + upper, alt)


def _marks(plan: Mapping[str, Any], curve: Mapping[str, Any]) -> list[tuple[int, float, str]]:
    """Runs, height and word of the points to mark, those that are on the curve."""
    on_curve = dict(zip(curve["runs"], curve["values"], strict=True))
    asked = plan["runs"] or (plan["goal"]["value"] if plan["goal"]["kind"] == "runs" else None)
    wanted = [(plan["basis"]["pilot_runs"], "pilot"), (asked, "plan" if plan["runs"] else "asked")]
    return [(int(n), on_curve[n], word) for n, word in wanted if n in on_curve]


def _scale(axes: Axes, curve: Mapping[str, Any], marked: list[float]) -> None:
    runs, values = curve["runs"], [*curve["values"], *(curve["upper"] or [])]
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in TICKS if runs[0] <= tick <= runs[-1]]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: integer(round(value))))
    axes.set_xlim(runs[0] * 0.9, runs[-1] * 1.1)
    if curve["quantity"] == "probability":
        axes.set_ylim(0.5, 1.0)
        return
    cut = TALLEST * curve["values"][-1]
    top = max([1.5 * value for value in marked] + [min(max(values), cut)])
    axes.set_ylim(0.0, 1.05 * top if math.isfinite(top) else None)


def _label(plan: Mapping[str, Any], measure: str | None) -> str:
    return next((str(m["label"]) for m in plan["basis"]["measures"] if m["measure"] == measure), "")
