"""How runs that began one ULP apart part, beside the distance of independent runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from varbench.report.document import Condition, Document
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.logarithmic import log_axis
from varbench.report.figures.steps import step_axis
from varbench.report.figures.style import (
    BLUE,
    FAINT,
    SMALL,
    SOFT,
    VERMILION,
    axes_at,
    head,
    horizontal_grid,
    panel_figure,
)
from varbench.report.numbers import Quantity, integer, number
from varbench.report.tables import Cell, Column, Table

CHECKS = (
    "ulp_one_word",
    "ulp_duplicate_equal",
    "separation_rate",
    "separation_saturation",
    "separation_disagreement",
)


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each population with one-ULP pairs and snapshots."""
    for condition in document.populations:
        entry = document.plots(condition.name).get("separation") or {}
        steps = np.array(entry.get("step") or [], dtype=float)
        distance = np.array(entry.get("distance") or [], dtype=float)
        independent = np.array(entry.get("independent") or [], dtype=float)
        drawable = distance.ndim == 2 and distance.shape[1] == len(steps) > 1 and (distance > 0).any()
        if drawable:
            ceiling = entry.get("ceiling")
            yield _panel(document, condition, steps, distance, independent, ceiling)


def tables(document: Document) -> Iterator[Table]:
    """The checks of the protocol with what came of it; and the distance at every snapshot."""
    rows: list[tuple[Cell, ...]] = []
    curves: list[tuple[Cell, ...]] = []
    for condition in document.populations:
        cells = [document.quantity(condition.name, name) for name in CHECKS]
        if any(cell is not None for cell in cells):
            rows.append((condition.label, *cells))
        entry = document.plots(condition.name).get("separation") or {}
        level = dict(zip(entry.get("step") or [], entry.get("independent") or [], strict=False))
        for step, row in document.series(condition.name, "separation"):
            curves.append((condition.label, int(step), row.quantity, Quantity(level.get(int(step)), reason="")))
    first = Column("condition", "Condition")
    if rows:
        columns = [Column(name, document.measure(name).label) for name in CHECKS]
        yield Table(
            "separation", "The one-ULP protocol: its checks, and what came of it.", (first, *columns), tuple(rows)
        )
    if curves:
        columns = [
            Column("step", "Step"),
            Column("separation", "Distance of one-ULP pairs"),
            Column("independent", "Distance of independent runs"),
        ]
        yield Table("separation-curves", "Distance of the weights along training.", (first, *columns), tuple(curves))


def _panel(
    document: Document,
    condition: Condition,
    steps: np.ndarray,
    distance: np.ndarray,
    independent: np.ndarray,
    ceiling: float | None,
) -> Panel:
    figure = panel_figure(condition.label, height=2.62)
    axes = axes_at(figure, top=0.5, height=1.66)
    places = step_axis(axes, steps, labels=True)
    visible = np.where(distance > 0, distance, np.nan)
    alpha = float(np.clip(2 / np.sqrt(len(distance)), 0.15, 0.8))
    axes.plot(places, visible.T, color=BLUE, linewidth=0.7, alpha=alpha, marker="o", markersize=1.8)
    apart = independent[np.isfinite(independent) & (independent > 0)]
    if len(apart) and len(independent) == len(steps):
        axes.plot(
            places, np.where(independent > 0, independent, np.nan), color=VERMILION, linewidth=1.3, linestyle="--"
        )
        _name(axes, places[0], float(apart[0]), "independent runs", VERMILION, above=True)
    if ceiling:
        axes.axhline(ceiling, color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        _name(axes, places[0], ceiling, "early growth below", SOFT, above=False)
    _scale(axes, [*visible[np.isfinite(visible)], *apart])
    horizontal_grid(axes)
    rate = document.quantity(condition.name, "separation_rate")
    ratio = document.quantity(condition.name, "separation_saturation")
    head(
        axes,
        "Distance of the weights",
        f"over independent: {ratio.value_text}" if ratio is not None and ratio.value else "",
    )
    finding = _finding(distance, rate, ratio)
    alt = (
        f"{condition.label}, distance between the weights of each run and its one-ULP twin over the steps, on a "
        f"logarithmic scale, with the distance of independent runs as a dashed line. {finding}"
    )
    return Panel(f"separation--{condition.stem}", figure, finding, alt)


def _finding(distance: np.ndarray, rate: Quantity | None, ratio: Quantity | None) -> str:
    first, last = (np.median(distance[:, i]) for i in (0, -1))
    parts = [
        (
            f"{integer(len(distance))} pairs part from a median distance of {number(float(first), 'distance')} "
            f"to {number(float(last), 'distance')}"
        )
    ]
    if ratio is not None and ratio.value is not None:
        parts.append(f"{ratio.said} of the distance of independent runs")
    if rate is not None and rate.value is not None:
        doubling = f", doubling every {np.log(2) / rate.value:.3g} steps" if rate.value > 0 else ""
        parts.append(f"early exponential rate {rate.said}{doubling}")
    return "; ".join(parts) + "."


def _name(axes: Axes, x: float, y: float, text: str, color: str, *, above: bool) -> None:
    place: dict[str, Any] = {"textcoords": "offset points", "ha": "left", "va": "bottom" if above else "top"}
    axes.annotate(text, (x, y), (0, 3 if above else -3), color=color, fontsize=SMALL, **place)


def _scale(axes: Axes, values: list[float]) -> None:
    axes.set_yscale("log")
    axes.set_ylim(min(values) * 0.5, max(values) * 6)
    log_axis(axes.yaxis, most=6)


KIND = FigureKind(
    name="separation",
    section="separation",
    panels=panels,
    tables=tables,
    reading=(
        "Each line is a pair: a base run, and the same run with one weight moved by one unit in the last place. "
        "Dashed: the mean distance between different base runs. The early rate is fitted between step 1 and the "
        "dotted line. "
        "Pairs at distance 0 are not drawn at that step."
    ),
    tables_open=True,
)
