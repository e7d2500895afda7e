"""Accuracy and loss over training: every run a thin line, the median a thick one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from varbench.report.document import Condition, Document
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.logarithmic import log_axis
from varbench.report.figures.style import (
    BLUE,
    ORANGE,
    RASTER_POINTS,
    SOFT,
    axes_at,
    head,
    horizontal_grid,
    number_axis,
    padded,
    panel_figure,
    with_unit,
)
from varbench.report.numbers import alongside, integer, number
from varbench.report.tables import Cell, Column, Table

CURVES = (
    ("test_accuracy", "Test accuracy", "fraction", BLUE),
    ("test_loss", "Test loss", "nats", ORANGE),
    ("train_loss", "Training loss", "nats", ORANGE),
)
LOG_RATIO = 30  # losses that span more than this are drawn on a logarithmic scale

Curves = Float[np.ndarray, "R C"]


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each population with curves."""
    for condition in document.populations:
        steps, curves = _curves(document, condition)
        if curves and len(steps) > 1:  # one checkpoint makes no curve
            yield _panel(condition, steps, curves)


def tables(document: Document) -> Iterator[Table]:
    """Every run at every checkpoint; for reading, median and extremes over runs."""
    rows: list[tuple[Cell, ...]] = []
    digest: list[tuple[Cell, ...]] = []
    for condition in document.populations:
        steps, curves = _curves(document, condition)
        by_name = {name: values for name, _, _, values, _ in curves}
        n_runs = max((len(values) for values in by_name.values()), default=0)
        for run in range(n_runs):
            for index, step in enumerate(steps):
                cells = [_cell(by_name.get(name), run, index) for name, *_ in CURVES]
                rows.append((condition.label, run, int(step), *cells))
        for index, step in enumerate(steps if curves else ()):
            summary = [_range(by_name.get(name), index, unit) for name, _, unit, _ in CURVES]
            digest.append((condition.label, int(step), *summary))
    if rows:
        named = [Column(name, label, unit) for name, label, unit, _ in CURVES]
        caption = "Over training: median over runs, with lowest to highest run."
        step = Column("step", "Step")
        first = Column("condition", "Condition")
        short = Table("curves", caption, (first, step, *named), tuple(digest))
        yield Table(
            "curves", caption, (first, Column("run", "Run"), step, *named), tuple(rows), short, "plots.*.curves"
        )


def _curves(document: Document, condition: Condition) -> tuple[np.ndarray, list[tuple[str, str, str, Curves, str]]]:
    entry = document.plots(condition.name).get("curves") or {}
    steps = np.array(entry.get("step") or [], dtype=float)
    found = []
    for name, label, unit, color in CURVES:
        values = np.array(entry.get(name) or [], dtype=float)
        if values.ndim == 2 and values.shape[1] == len(steps) and np.isfinite(values).any():
            found.append((name, label, unit, values, color))
    return steps, found


def _panel(condition: Condition, steps: np.ndarray, curves: list[tuple[str, str, str, Curves, str]]) -> Panel:
    figure = panel_figure(condition.label, height=0.55 + 1.24 * len(curves))
    said = []
    for index, (_, label, unit, values, color) in enumerate(curves):
        axes = axes_at(figure, top=0.5 + 1.24 * index, height=0.88)
        median = _median(values)
        last = f"median {number(_number(median[-1]), unit)} at the end"
        head(axes, with_unit(label, unit), last)
        _lines(axes, steps, values, median, color)
        _scale(axes, values, unit)
        horizontal_grid(axes)
        start = 0.0 if steps.min() < 0.2 * steps.max() else float(steps.min())
        axes.set_xlim(start, max(float(steps.max()) * 1.01, start + 1))
        number_axis(axes.xaxis, "", bins=5)
        if index < len(curves) - 1:
            axes.tick_params(axis="x", labelbottom=False)
        else:
            axes.set_xlabel("step", color=SOFT)
        said.append(f"{label.lower()} {_range(values, -1, unit)}")
    n_runs = max(len(values) for *_, values, _ in curves)
    first = "the first " if (condition.n_runs or 0) > n_runs else ""
    finding = f"At the end, median (lowest to highest) of {first}{integer(n_runs)} runs: {'; '.join(said)}."
    alt = f"{condition.label}, training curves of every run over {integer(int(steps.max()))} steps. {finding}"
    return Panel(f"curves--{condition.stem}", figure, finding, alt)


def _lines(axes: Axes, steps: np.ndarray, values: Curves, median: np.ndarray, color: str) -> None:
    known = [np.isfinite(row) for row in values]
    lines = LineCollection(
        [np.column_stack([steps[ok], row[ok]]) for ok, row in zip(known, values, strict=True)],
        colors=color,
        linewidths=0.5,
        alpha=float(np.clip(6 / np.sqrt(len(values)) / 3, 0.06, 0.7)),
        rasterized=values.size > RASTER_POINTS,
    )
    axes.add_collection(lines, autolim=False)
    axes.plot(steps, median, color="black", linewidth=1.3)


def _scale(axes: Axes, values: Curves, unit: str) -> None:
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(np.quantile(finite, 0.999))
    if unit != "fraction" and low > 0 and high / low > LOG_RATIO:
        axes.set_yscale("log")
        axes.set_ylim(low * 0.8, high * 1.25)
        log_axis(axes.yaxis)
        return
    axes.set_ylim(*padded([low, max(high, low)]))
    number_axis(axes.yaxis, unit, bins=4)


def _median(values: Curves) -> np.ndarray:
    """Median over the runs that have a value at a checkpoint; NaN where none has."""
    result = np.full(values.shape[1], np.nan)
    for index in range(values.shape[1]):
        known = values[np.isfinite(values[:, index]), index]
        if len(known):
            result[index] = np.median(known)
    return result


def _range(values: Curves | None, index: int, unit: str) -> str:
    known = np.array([]) if values is None else values[np.isfinite(values[:, index]), index]
    if not len(known):
        return "—"
    median, low, high = alongside(*(float(x) for x in (np.median(known), known.min(), known.max())), unit=unit)
    return f"{median} ({low} to {high})"


def _cell(values: Curves | None, run: int, index: int) -> float | None:
    return None if values is None or run >= len(values) else _number(values[run, index])


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


KIND = FigureKind(
    name="curves",
    section="curves",
    panels=panels,
    tables=tables,
    reading="Every run is a thin line; the black line is the median over runs. Scales differ between panels.",
)
