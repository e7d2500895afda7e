"""Accuracy and loss of every run: one point a run, the mean and its interval below."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from varbench.report.document import Condition, Document
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.style import (
    BLUE,
    ORANGE,
    VERMILION,
    axes_at,
    head,
    interval_bar,
    number_axis,
    padded,
    panel_figure,
    spread_offsets,
    with_unit,
)
from varbench.report.numbers import alongside, integer, number
from varbench.report.tables import Column, Table

Series = tuple[str, str, str, Float[np.ndarray, " R"]]

MEASURES = (("accuracy", "fraction", BLUE), ("loss", "nats", ORANGE))
RASTER_RUNS = 300


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each population with per-run values."""
    for condition in document.populations:
        series = _series(document, condition)
        if series or _n_runs(document, condition):
            yield _panel(document, condition, series)


def tables(document: Document) -> Iterator[Table]:
    """One row a run."""
    rows = []
    for condition in document.populations:
        runs = document.plots(condition.name).get("runs") or {}
        values = [runs.get(name) or [] for name, _, _ in MEASURES]
        finished = runs.get("finished") or []
        for run in range(max(map(len, values))):
            cells = [column[run] if run < len(column) else None for column in values]
            rows.append((condition.label, run, *cells, bool(finished[run]) if run < len(finished) else None))
    columns = [Column(name, document.measure(name).header, unit) for name, unit, _ in MEASURES]
    if rows:
        yield Table(
            "runs",
            "Accuracy and loss of every run on the test set.",
            (
                Column("condition", "Condition"),
                Column("run", "Run"),
                *columns,
                Column("finished", "Finished"),
            ),
            tuple(rows),
        )


def _n_runs(document: Document, condition: Condition) -> int:
    """How many runs the plot data speak of, finished or not."""
    runs = document.plots(condition.name).get("runs") or {}
    return max(len(runs.get(name) or []) for name in ("accuracy", "loss", "finished"))


def _series(document: Document, condition: Condition) -> list[Series]:
    runs = document.plots(condition.name).get("runs") or {}
    finished = np.array(runs.get("finished") or [], dtype=bool)
    found = []
    for name, unit, color in MEASURES:
        values = np.array(runs.get(name) or [], dtype=float)
        if len(finished) == len(values):
            values = np.where(finished, values, np.nan)
        if np.isfinite(values).any():
            found.append((name, unit, color, values))
    return found


def _panel(document: Document, condition: Condition, series: list[Series]) -> Panel:
    n_runs = _n_runs(document, condition)
    diverged = max([condition.n_diverged, *(n_runs - int(np.isfinite(values).sum()) for *_, values in series)])
    diverged = diverged if series else n_runs
    lost = f"{integer(diverged)} of {integer(n_runs)} runs diverged" if diverged else ""
    height = 0.2 + 1.2 * max(len(series), 0.5)
    note = f"× {integer(diverged)} of {integer(n_runs)} diverged: accuracy 0" if diverged else ""
    figure = panel_figure(condition.label, height=height, note=note)
    said = [_strip(document, condition, figure, index, *entry) for index, entry in enumerate(series)]
    runs = f"{integer(n_runs)} run{'s' if n_runs != 1 else ''}"
    finding = f"{runs}: {'; '.join(said)}." if said else f"{runs}, none of them finished."
    finding += f" {lost}." if lost else ""
    return Panel(f"runs--{condition.stem}", figure, finding, f"{condition.label}, a point for each of {finding}")


def _strip(
    document: Document, condition: Condition, figure: Figure, index: int, name: str, unit: str, color: str,
    values: Float[np.ndarray, " R"],
) -> str:  # fmt: skip
    """One row of points with mean and interval below; returns what it shows in words."""
    axes = axes_at(figure, top=0.5 + 1.2 * index, height=0.66, left=0.02)
    shown = values[np.isfinite(values)]
    axes.plot(
        shown,
        spread_offsets(shown),
        "o" if index == 0 else "D",
        color=color,
        alpha=0.65,
        markersize=float(np.clip(26 / np.sqrt(len(shown)), 1.6, 4.5)),
        markeredgewidth=0,
        rasterized=len(shown) > RASTER_RUNS,
    )
    mean = document.quantity(condition.name, name)
    measure = document.measure(name)
    known = mean is not None and mean.value is not None
    head(axes, with_unit(measure.label, unit), mean.text if mean is not None and known else "")
    ends = [*shown.tolist()]
    if mean is not None and known:
        interval_bar(axes, -1.55, mean)
        ends += [x for x in (mean.value, mean.low, mean.high) if x is not None]
    axes.set_ylim(-2.0, 1.15)
    axes.set_yticks([])
    axes.set_xlim(*padded(ends))
    count = len(values) - len(shown)
    if count:  # a diverged run has no place on the scale: it stands at its edge
        edge = [axes.get_xlim()[0]] * count
        axes.plot(edge, spread_offsets(np.zeros(count)), "x", color=VERMILION, markersize=4.5, clip_on=False)
    number_axis(axes.xaxis, unit)
    # The range is over the runs that the mean is over: all in accuracy, those that finished in loss.
    among = np.nan_to_num(values) if name == "accuracy" else shown
    over = ""
    if count:
        every, finished = integer(len(values)), integer(len(shown))
        over = f" (all {every} runs, 0 where diverged)" if name == "accuracy" else f" (the {finished} that finished)"
    if len(among) == 1:
        return f"{measure.inline} {number(among[0], unit)}{over}"
    low, high = alongside(among.min(), among.max(), unit=unit)
    said = f"{measure.inline} from {low} to {high}"
    return said + (f", mean {mean.said}" if mean is not None and known else "") + over


KIND = FigureKind(
    name="runs",
    section="runs",
    panels=panels,
    tables=tables,
    reading=(
        "Each point is one trained model; points spread sideways only to part them. The dark point with its bar is "
        "the mean over runs and its interval; a run that diverged counts there with accuracy 0, and not in the loss. "
        "Scales differ between panels."
    ),
)
