"""Averaging weights beside averaging predictions: accuracy of one averaged network against that of the ensemble."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from varbench.report.document import Condition, Document, EstimateRow
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.style import (
    FAINT,
    SERIES,
    SMALL,
    SOFT,
    axes_at,
    head,
    horizontal_grid,
    number_axis,
    padded,
    panel_figure,
)
from varbench.report.tables import Column, Table

CURVES = (
    ("ensemble_accuracy", "ensemble"),
    ("soup_accuracy_aligned", "weights, relabeled"),
    ("soup_accuracy", "weights"),
)
MEASURES = ("soup_accuracy", "soup_accuracy_aligned", "soup_loss", "soup_loss_aligned")
BESIDE = ("ensemble_accuracy", "ensemble_loss")
ROOM = 0.34  # of the height, kept free for the legend

Points = list[tuple[float, EstimateRow]]


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each population whose weights were averaged."""
    for condition in document.populations:
        curves = {name: _points(document, condition, name) for name, _ in CURVES}
        if any(curves[name] for name in MEASURES if name in curves):
            yield _panel(condition, curves)


def tables(document: Document) -> Iterator[Table]:
    """One row for each number of runs averaged, with the ensemble of as many runs beside."""
    names = [name for name in MEASURES if any(row.measure == name for row in document.estimates)]
    beside = [name for name in BESIDE if any(row.measure == name for row in document.estimates)]
    rows = []
    for condition in document.populations:
        found = {name: dict(document.series(condition.name, name)) for name in (*names, *beside)}
        for size in sorted({m for name in names for m in found[name]}):
            cells = [found[name][size].quantity if size in found[name] else None for name in found]
            rows.append((condition.label, int(size), *cells))
    if rows:
        columns = [Column(name, document.measure(name).header) for name in (*names, *beside)]
        caption = "One network with the average of M runs' weights, beside ensembles that average predictions."
        yield Table("soups", caption, (Column("condition", "Condition"), Column("M", "M"), *columns), tuple(rows))


def _points(document: Document, condition: Condition, name: str) -> Points:
    return [(m, row) for m, row in document.series(condition.name, name) if row.quantity.value is not None]


def _panel(condition: Condition, curves: dict[str, Points]) -> Panel:
    figure = panel_figure(condition.label, height=2.5)
    axes = axes_at(figure, top=0.5, height=1.54)
    largest = max(m for name in MEASURES for m, _ in curves.get(name, []))
    values, said = [], []
    for (name, label), series in zip(CURVES, SERIES, strict=False):
        points = [(m, row) for m, row in curves[name] if m <= largest]
        if points:
            values += _draw(axes, points, label, *series)
            m, row = points[-1]
            said.append(f"{row.quantity.said} by averaging {'predictions' if name[0] == 'e' else label} at M = {m:g}")
    alone = dict(curves["ensemble_accuracy"]).get(1)
    if alone is not None and alone.quantity.value is not None:
        axes.axhline(alone.quantity.value, color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        said.append(f"one run alone has {alone.quantity.value_said}")
    low, high = padded(values)
    axes.set_ylim(low, high + ROOM * (high - low))
    sizes = sorted({m for points in curves.values() for m, _ in points if m <= largest})
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [f"{m:g}" for m in sizes])
    axes.minorticks_off()
    axes.set_xlim(min(sizes) * 0.9, max(sizes) * 1.12)
    axes.set_xlabel("M, runs averaged", color=SOFT)
    number_axis(axes.yaxis, "fraction", bins=4)
    horizontal_grid(axes)
    axes.legend(loc="upper left", frameon=False, fontsize=SMALL, ncols=2, handlelength=2.4, borderpad=0)
    head(axes, "Test accuracy")
    finding = f"Test accuracy: {'; '.join(said)}."
    alt = f"{condition.label}, accuracy against the number of runs averaged, with interval bands. {finding}"
    return Panel(f"soups--{condition.stem}", figure, finding, alt)


def _draw(axes: Axes, points: Points, label: str, color: str, marker: str, line: str) -> list[float]:
    """Curve, points and interval band; returns every number drawn."""
    size = np.array([m for m, _ in points], dtype=float)
    value, low, high = (
        np.array([np.nan if x is None else x for x in column], dtype=float)
        for column in zip(*((r.quantity.value, r.quantity.low, r.quantity.high) for _, r in points), strict=True)
    )
    axes.fill_between(size, low, high, color=color, alpha=0.16, linewidth=0)
    style = {"color": color, "marker": marker, "linestyle": line, "label": label}
    axes.plot(size, value, markersize=3.4, linewidth=1.3, **style)  # type: ignore[arg-type]
    return [float(x) for x in np.concatenate([value, low, high]) if np.isfinite(x)]


KIND = FigureKind(
    name="soups",
    section="ensembles",
    panels=panels,
    tables=tables,
    reading=(
        "An ensemble runs M networks and averages what they predict; here the weights of M runs are averaged to one "
        "network, as they are, or after their hidden units were relabeled to match those of the first. Bands: "
        "intervals over groups of runs that share none. Dotted: one run alone. The batch statistics of a network that "
        "normalizes by any are made anew from training data for the averaged weights; a run alone has its own."
    ),
)
