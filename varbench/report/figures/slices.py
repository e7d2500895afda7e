"""Slices of the loss surface: along the line through two runs, and over the plane through three."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes

from varbench.report.document import Condition, Document
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.style import (
    FAINT,
    LEFT,
    RIGHT,
    SERIES,
    SMALL,
    SOFT,
    WIDTH,
    axes_at,
    head,
    horizontal_grid,
    number_axis,
    padded,
    panel_figure,
)
from varbench.report.numbers import alongside, number
from varbench.report.tables import Cell, Column, Table

SPLITS = (("train_loss", "Training loss"), ("test_loss", "Test loss"))
LEVELS = 12
SHOWN = (-0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5)  # positions in the table people read


def panels(document: Document) -> Iterator[Panel]:
    """For each population with slices: the line, then the plane on training and on test loss."""
    for condition in document.populations:
        entry = document.plots(condition.name).get("slices") or {}
        line, plane = entry.get("line") or {}, entry.get("plane") or {}
        if line:
            yield _line_panel(condition, entry, line)
        for name, label in SPLITS if plane else ():
            yield _plane_panel(condition, entry, plane, name, label)


def tables(document: Document) -> Iterator[Table]:
    """Every point of the lines, and every point of the planes."""
    lines: list[tuple[Cell, ...]] = []
    planes: list[tuple[Cell, ...]] = []
    for condition in document.populations:
        entry = document.plots(condition.name).get("slices") or {}
        line, plane = entry.get("line") or {}, entry.get("plane") or {}
        for i, position in enumerate(line.get("position") or []):
            lines.append((condition.label, position, *(line[name][i] for name, _ in SPLITS)))
        for row, y in enumerate(plane.get("y") or []):
            for column, x in enumerate(plane["x"]):
                planes.append((condition.label, x, y, *(plane[name][row][column] for name, _ in SPLITS)))
    losses = [Column(name, label, "nats") for name, label in SPLITS]
    first = Column("condition", "Condition")
    if lines:
        short = tuple(row for row in lines if row[1] in SHOWN)
        caption = "Loss on the straight line through two runs: position 0 is one run, 1 the other."
        columns = (first, Column("position", "Position"), *losses)
        yield Table("slices-line", caption, columns, tuple(lines), Table("slices-line", caption, columns, short))
    if planes:
        caption = "Loss on the plane through three runs, at coordinates in units of weight distance."
        columns = (first, Column("x", "x"), Column("y", "y"), *losses)
        low = tuple(sorted(planes, key=lambda row: float(row[3] or np.inf))[:5])  # type: ignore[arg-type]
        lowest = Table("slices-plane", f"{caption} The five points of lowest training loss.", columns, low)
        yield Table("slices-plane", caption, columns, tuple(planes), lowest)


def _line_panel(condition: Condition, entry: Mapping[str, Any], line: Mapping[str, Any]) -> Panel:
    figure = panel_figure(condition.label, height=2.12)
    axes = axes_at(figure, top=0.5, height=1.16)
    position = np.array(line["position"], dtype=float)
    said, values = [], []
    for (name, label), (color, marker, style) in zip(SPLITS, SERIES, strict=False):
        loss = np.array(line[name], dtype=float)
        axes.plot(position, loss, color=color, linestyle=style, linewidth=1.3, label=label)
        ends = [float(loss[np.abs(position - end).argmin()]) for end in (0.0, 1.0)]
        axes.plot([0.0, 1.0], ends, marker, color=color, markersize=5, markeredgecolor="white")
        between = loss[(position >= 0) & (position <= 1)]
        values += [float(v) for v in loss if np.isfinite(v)]
        first, second, highest = alongside(*ends, float(np.max(between)), unit="nats")
        said.append(f"{label.lower()} is {first} and {second} at the two runs and at most {highest} between them")
    for end in (0.0, 1.0):
        axes.axvline(end, color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
    axes.set_xlim(float(position.min()), float(position.max()))
    low, high = padded(values)
    axes.set_ylim(low, high + 0.25 * (high - low))  # room for the legend
    number_axis(axes.xaxis, "", bins=5)
    number_axis(axes.yaxis, "nats", bins=4)
    horizontal_grid(axes)
    axes.legend(loc="upper center", frameon=False, fontsize=SMALL, ncols=2, handlelength=1.8)
    runs = entry.get("run") or [0, 1]
    axes.set_xlabel(f"position between run {runs[0]} (0) and run {runs[1]} (1)", color=SOFT)
    head(axes, "Loss on a line (nats)")
    finding = "; ".join(said) + "."
    finding = finding[0].upper() + finding[1:]
    alt = f"{condition.label}, loss on the straight line through runs {runs[0]} and {runs[1]}. {finding}"
    return Panel(f"slice-line--{condition.stem}", figure, finding, alt)


def _plane_panel(
    condition: Condition, entry: Mapping[str, Any], plane: Mapping[str, Any], name: str, label: str
) -> Panel:
    x, y = (np.array(plane[axis], dtype=float) for axis in ("x", "y"))
    loss, places = np.array(plane[name], dtype=float), np.array(plane["runs"], dtype=float)
    width = WIDTH - LEFT - RIGHT
    height = float(np.clip(width * np.ptp(y) / np.ptp(x), 1.0, 3.2))
    figure = panel_figure(condition.label, height=0.5 + height + 0.46)
    axes = axes_at(figure, top=0.5, height=height)
    finite = loss[np.isfinite(loss)]
    low, high = max(float(finite.min()), 1e-6), float(finite.max())
    levels = np.geomspace(low, max(high, low * 1.01), LEVELS)
    levels[0], levels[-1] = min(low, float(finite.min())), max(high, levels[-1])
    colors = sns.color_palette("crest_r", n_colors=LEVELS - 1)
    axes.contourf(x, y, loss, levels=levels, colors=colors)
    lines = axes.contour(x, y, loss, levels=levels[1:-1:2], colors="white", linewidths=0.6)
    axes.clabel(lines, fmt=lambda value: number(float(value)), fontsize=SMALL - 1)
    for track in plane.get("tracks") or []:
        path = np.array(track, dtype=float)
        axes.plot(path[:, 0], path[:, 1], color="#222222", linewidth=1.0, marker=".", markersize=3, alpha=0.8)
    axes.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()))
    _runs(axes, places, entry.get("run") or [0, 1, 2])
    number_axis(axes.xaxis, "", bins=5)
    number_axis(axes.yaxis, "", bins=5)
    axes.set_xlabel("weight distance", color=SOFT)
    head(axes, f"{label} on a plane", " to ".join(alongside(low, high, unit="nats")))
    center = places.mean(0)
    nearest = loss[np.abs(y - center[1]).argmin(), np.abs(x - center[0]).argmin()]
    at_runs = [float(loss[np.abs(y - p[1]).argmin(), np.abs(x - p[0]).argmin()]) for p in places]
    *three, middle, highest = alongside(*at_runs, float(nearest), high, unit="nats")
    finding = (
        f"{label} on the plane through three runs: {', '.join(three)} at the grid points nearest to the runs, {middle} "
        f"near their center, up to {highest} around."
    )
    alt = f"{condition.label}, contours of the loss with the three runs marked. {finding}"
    return Panel(f"slice-plane-{name.split('_')[0]}--{condition.stem}", figure, finding, alt)


def _runs(axes: Axes, places: np.ndarray, runs: list[int]) -> None:
    for (u, v), run in zip(places, runs, strict=False):
        axes.plot([u], [v], "o", color="white", markersize=6, markeredgecolor="black", markeredgewidth=1.0)
        place: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "fontsize": SMALL, "color": "white"}
        box = {"facecolor": "#222222", "alpha": 0.75, "pad": 1.5, "linewidth": 0}  # over the numbers of contours
        axes.annotate(f"run {run}", (u, v), (0, 9), bbox=box, zorder=5, **place)


KIND = FigureKind(
    name="slices",
    section="landscape",
    panels=panels,
    tables=tables,
    reading=(
        "The loss at weights that no run has: on the straight line through two runs, and on the plane through three. "
        "A ridge between runs says that they lie in different basins as they stand (relabeled neurons count as "
        "different). Contours are spaced evenly in the logarithm; distances are those of the weights. The lines show "
        "where the runs came from, seen from above: off the plane, the loss on the way was another one."
    ),
)
