"""Where the runs lie in weight space: the first two principal components, with the initial weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from varbench.report.document import Condition, Document
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.style import (
    BLUE,
    FAINT,
    GRID,
    LEFT,
    ORANGE,
    RIGHT,
    SMALL,
    SOFT,
    WIDTH,
    axes_at,
    head,
    number_axis,
    panel_figure,
)
from varbench.report.numbers import integer, number
from varbench.report.tables import Cell, Column, Table

HEIGHT = 2.5
MEASURE = "weight_pca_share"

Points = Float[np.ndarray, "R 2"]


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each population whose weights differ."""
    for condition in document.populations:
        runs, initial, shares = _points(document, condition)
        if len(runs) > 2 and len(shares) == 2:
            yield _panel(document, condition, runs, initial, shares)


def tables(document: Document) -> Iterator[Table]:
    """Shares of the components with their intervals, and the coordinates of every run."""
    first = Column("condition", "Condition")
    rows: list[tuple[Cell, ...]] = []
    points: list[tuple[Cell, ...]] = []
    for condition in document.populations:
        rows += [(condition.label, int(k), row.quantity) for k, row in document.series(condition.name, MEASURE)]
        runs, initial, _ = _points(document, condition)
        for run, place in enumerate(runs):
            start = initial[run] if run < len(initial) else (None, None)
            points.append((condition.label, run, *place.tolist(), *(None if x is None else float(x) for x in start)))
    if rows:
        caption = "Principal components of the final weights: share of the variance between runs."
        columns = (first, Column("component", "Component"), Column(MEASURE, "Share of variance"))
        yield Table("components", caption, columns, tuple(rows))
    if points:
        caption = "Coordinates of the runs in the first two principal components, in units of the weights."
        names = (Column("run", "Run"), Column("first", "First"), Column("second", "Second"))
        starts = (Column("first_initial", "First, initial"), Column("second_initial", "Second, initial"))
        digest = Table("coordinates", f"{caption} The first five runs.", (first, *names, *starts), _few(points))
        yield Table("coordinates", caption, (first, *names, *starts), tuple(points), digest)


def _few(points: list[tuple[Cell, ...]]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(row for row in points if isinstance(row[1], int) and row[1] < 5)


def _points(document: Document, condition: Condition) -> tuple[Points, Points, list[float]]:
    entry = document.plots(condition.name).get("weight_pca") or {}
    runs, initial = (np.array(entry.get(k) or np.zeros((0, 2)), dtype=float) for k in ("runs", "initial"))
    return runs, initial, list(entry.get("shares") or [])


def _panel(document: Document, condition: Condition, runs: Points, initial: Points, shares: list[float]) -> Panel:
    figure = panel_figure(condition.label, height=0.5 + HEIGHT + 0.42)
    axes = axes_at(figure, top=0.5, height=HEIGHT)
    axes.grid(True, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    if len(initial) == len(runs):
        paths = LineCollection(list(np.stack([initial, runs], axis=1)), colors=FAINT, linewidths=0.5, alpha=0.7)
        axes.add_collection(paths)
        axes.plot(*initial.T, "^", color=ORANGE, markersize=3.4, markeredgewidth=0, alpha=0.8, label="initial weights")
    size = float(np.clip(34 / np.sqrt(len(runs)), 2.2, 5.0))
    axes.plot(*runs.T, "o", color=BLUE, markersize=size, markeredgewidth=0, alpha=0.8, label="trained weights")
    _equal_scales(axes, np.concatenate([runs, initial]))
    number_axis(axes.xaxis, "", bins=5)
    number_axis(axes.yaxis, "", bins=5)
    parts = [number(share, "fraction") for share in shares]
    axes.set_xlabel(f"first component, {parts[0]} of the variance", color=SOFT)
    axes.legend(loc="upper right", frameon=False, fontsize=SMALL, ncols=2, handletextpad=0.1, borderpad=0)
    head(axes, f"second component, {parts[1]} of the variance")
    count, null = integer(len(runs)), number(1 / (len(runs) - 1), "fraction")
    quantities = [document.quantity(condition.name, MEASURE, k) for k in (1, 2)]
    texts = [
        q.said if q is not None and q.value is not None else part for q, part in zip(quantities, parts, strict=True)
    ]
    finding = (
        f"The first two components carry {texts[0]} and {texts[1]} of the variance between {count} runs; unrelated "
        f"directions would carry {null} each."
    )
    alt = f"{condition.label}, runs in the first two principal components of their weights. {finding}"
    return Panel(f"components--{condition.stem}", figure, finding, alt)


def _equal_scales(axes: Axes, points: Points) -> None:
    """Limits around the points, with room for the legend at the top, and one inch worth the same in both directions."""
    size = np.array([WIDTH - LEFT - RIGHT, HEIGHT])
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.array([1.1, 1.3])
    per_inch = float(np.max((high - low) * room / size)) or 1.0
    center = (low + high) / 2 + np.array([0.0, 0.07]) * per_inch * size
    (left, bottom), (right, top) = center - per_inch * size / 2, center + per_inch * size / 2
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


KIND = FigureKind(
    name="components",
    section="weights",
    panels=panels,
    tables=tables,
    reading=(
        "Every run as a point in the two directions in which the trained weights differ most, with a line from its "
        "initial weights. Groups would show as clusters; runs that went unrelated ways make a cloud, and each "
        "direction carries little."
    ),
)
