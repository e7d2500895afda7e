"""Curvature of the training loss along training: sharpness, trace, share of negative curvature."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from varbench.report.document import Condition, Document, EstimateRow
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.logarithmic import log_axis
from varbench.report.figures.steps import step_axis
from varbench.report.figures.style import (
    BLUE,
    FAINT,
    axes_at,
    head,
    horizontal_grid,
    number_axis,
    padded,
    panel_figure,
    with_unit,
)
from varbench.report.numbers import alongside, integer
from varbench.report.tables import Column, Table

DRAWN = ("sharpness", "hessian_trace", "negative_curvature")
MEASURES = (*DRAWN, "lowest_curvature")
LOG_RATIO = 30  # values above 0 that span more than this are drawn on a logarithmic scale

Points = Float[np.ndarray, "R S"]


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each population whose curvature was measured along training."""
    for condition in document.populations:
        entry = document.plots(condition.name).get("landscape") or {}
        steps = np.array(entry.get("step") or [], dtype=float)
        values = {name: np.array(entry.get(name) or [], dtype=float) for name in DRAWN}
        shown = [n for n, v in values.items() if v.ndim == 2 and v.shape[1] == len(steps) and np.isfinite(v).any()]
        if len(steps) > 1 and shown:
            yield _panel(document, condition, steps, {name: values[name] for name in shown})


def tables(document: Document) -> Iterator[Table]:
    """Mean over runs with its interval at every snapshot."""
    rows = []
    for condition in document.populations:
        found = {name: dict(document.series(condition.name, name)) for name in MEASURES}
        for step in sorted({s for series in found.values() for s in series}):
            cells = [found[name][step].quantity if step in found[name] else None for name in MEASURES]
            rows.append((condition.label, int(step), *cells))
    if rows:
        columns = [Column(name, document.measure(name).label) for name in MEASURES]
        caption = "Curvature of the training loss along training: means over runs."
        yield Table(
            "landscape", caption, (Column("condition", "Condition"), Column("step", "Step"), *columns), tuple(rows)
        )


def _panel(document: Document, condition: Condition, steps: np.ndarray, values: dict[str, Points]) -> Panel:
    figure = panel_figure(condition.label, height=0.56 + 1.24 * len(values))
    said = []
    for index, (name, points) in enumerate(values.items()):
        axes = axes_at(figure, top=0.5 + 1.24 * index, height=0.88)
        measure = document.measure(name)
        series = [(at, row) for at, row in document.series(condition.name, name) if row.quantity.value is not None]
        places = step_axis(axes, steps, labels=index == len(values) - 1)
        axes.plot(places, points.T, color=BLUE, linewidth=0.6, alpha=0.55, marker="o", markersize=1.8)
        _mean(axes, series, dict(zip(steps, places, strict=True)))
        _scale(axes, points, measure.unit)
        horizontal_grid(axes)
        if series:
            (first, start), (last, end) = series[0], series[-1]
            head(axes, with_unit(measure.label, measure.unit), end.quantity.text)
            begin = start.quantity.value_said
            said.append(f"{measure.inline} goes from {begin} at step {first:g} to {end.quantity.said} at step {last:g}")
        else:
            head(axes, with_unit(measure.label, measure.unit))
    count = integer(len(next(iter(values.values()))))
    finding = f"Mean over {count} runs: {'; '.join(said)}." if said else _ranges(document, steps, values)
    alt = f"{condition.label}, curvature of the training loss of every measured run over the steps. {finding}"
    return Panel(f"landscape--{condition.stem}", figure, finding, alt)


def _ranges(document: Document, steps: np.ndarray, values: dict[str, Points]) -> str:
    """What the lines say where no mean was estimated: lowest and highest run at both ends."""
    said = []
    for name, points in values.items():
        measure = document.measure(name)
        places = np.flatnonzero(np.isfinite(points).any(axis=0))[[0, -1]]
        ends = [
            f"{' to '.join(alongside(column[0], column[-1], unit=measure.unit))} at step {step:g}"
            for step, column in ((steps[i], np.sort(points[np.isfinite(points[:, i]), i])) for i in places)
        ]
        said.append(f"{measure.inline} {' and '.join(dict.fromkeys(ends))}")
    count = len(next(iter(values.values())))
    return f"Lowest and highest of {integer(count)} runs: {'; '.join(said)}." if count > 1 else f"{'; '.join(said)}."


def _mean(axes: Axes, series: list[tuple[float, EstimateRow]], places: dict[float, float]) -> None:
    known = [(places[at], row.quantity.value) for at, row in series if at in places]
    drawn = np.array([(x, value) for x, value in known if value is not None]).reshape(-1, 2)
    axes.plot(drawn[:, 0], drawn[:, 1], color="black", linewidth=1.3)


def _scale(axes: Axes, points: Points, unit: str) -> None:
    finite = points[np.isfinite(points)]
    low, high = float(finite.min()), float(finite.max())
    if unit != "fraction" and low > 0 and high / low > LOG_RATIO:
        axes.set_yscale("log")
        axes.set_ylim(low * 0.7, high * 1.4)
        log_axis(axes.yaxis)
        return
    axes.set_ylim(*padded([low, high], share=0.1))
    if low < 0 < high:
        axes.axhline(0.0, color=FAINT, linewidth=0.8, zorder=0)
    number_axis(axes.yaxis, unit, bins=4)


KIND = FigureKind(
    name="landscape",
    section="landscape",
    panels=panels,
    tables=tables,
    reading=(
        "Every measured run is a thin line; a black line is the mean over runs. Above: the largest eigenvalue of the "
        "Hessian of the training loss. Middle: the sum of all. Below: the share of the curvature that bends downward. "
        "Steps on a logarithmic scale, with a place for step 0."
    ),
)
