"""Loss and error on the straight paths between runs, as they are and with hidden units relabeled to match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from varbench.report.document import Condition, Document
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.style import (
    BLUE,
    ORANGE,
    SMALL,
    SOFT,
    axes_at,
    head,
    horizontal_grid,
    number_axis,
    padded,
    panel_figure,
    with_unit,
)
from varbench.report.numbers import integer, number
from varbench.report.tables import Cell, Column, Table

FORMS = (("raw", "as they are", BLUE, "-"), ("aligned", "relabeled to match", ORANGE, "--"))
SCORES = (("loss", "Test loss", "nats"), ("error", "Test error", "fraction"))
SPLITS = ("train", "test")
ESTIMATES = ("loss_barrier", "loss_barrier_aligned", "error_barrier", "error_barrier_aligned")
ROOM = 0.3  # of the height, kept free for the legend

Curves = Float[np.ndarray, "n A"]


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each population with paths: test loss and test error."""
    for condition in document.populations:
        entry = document.plots(condition.name).get("paths") or {}
        if any(_curves(entry, form, "test", "loss") is not None for form, *_ in FORMS):
            yield _panel(document, condition, entry)


def tables(document: Document) -> Iterator[Table]:
    """The barriers with their intervals, and every point of every path."""
    first = Column("condition", "Condition")
    rows: list[tuple[Cell, ...]] = []
    points: list[tuple[Cell, ...]] = []
    for condition in document.populations:
        for split in SPLITS:
            cells = [document.quantity(condition.name, name, split) for name in ESTIMATES]
            if any(cells):
                rows.append((condition.label, split, *cells))
        points += _points(condition, document.plots(condition.name).get("paths") or {})
    if rows:
        columns = [Column(name, document.measure(name).header) for name in ESTIMATES]
        caption = "Barriers: mean over disjoint pairs of runs of the highest rise above the straight line."
        yield Table("barriers", caption, (first, Column("split", "Examples"), *columns), tuple(rows))
    if points:
        scores = ("loss", "Loss", "nats"), ("error", "Error", "fraction")
        columns = [
            Column(f"{name}_{form}_{split}", f"{title}, {label}, {split}", unit)
            for form, label, *_ in FORMS
            for split in SPLITS
            for name, title, unit in scores
        ]
        caption = "Loss and error on the paths."
        middle = tuple(row for row in points if row[2] == 0.5)
        names = (Column("runs", "Runs"), Column("alpha", "α"))
        digest = Table("paths", f"{caption} Half way.", (first, *names, *columns), middle)
        yield Table("paths", caption, (first, *names, *columns), tuple(points), digest, "plots.*.paths")


def _points(condition: Condition, entry: Mapping[str, Any]) -> Iterator[tuple[Cell, ...]]:
    """A row for each pair of runs and place on its path; a form may be missing."""
    for index, pair in enumerate(entry.get("runs") or []):
        for place, alpha in enumerate(entry["alpha"]):
            scored = [(entry.get(form) or {}).get(split) or {} for form, *_ in FORMS for split in SPLITS]
            cells = [s[name][index][place] if s else None for s in scored for name in ("loss", "error")]
            yield (condition.label, f"{pair[0]} to {pair[1]}", alpha, *cells)


def _curves(entry: Mapping[str, Any], form: str, split: str, score: str) -> Curves | None:
    values = np.array(((entry.get(form) or {}).get(split) or {}).get(score) or [], dtype=float)
    return values if values.ndim == 2 and np.isfinite(values).any() else None


def _panel(document: Document, condition: Condition, entry: Mapping[str, Any]) -> Panel:
    figure = panel_figure(condition.label, height=0.62 + 1.3 * len(SCORES))
    alphas = np.array(entry["alpha"], dtype=float)
    said = []
    for index, (score, label, unit) in enumerate(SCORES):
        axes = axes_at(figure, top=0.5 + 1.3 * index, height=0.94)
        values, barriers = [], []
        for form, name, color, line in FORMS:
            curves = _curves(entry, form, "test", score)
            if curves is not None:
                values += curves[np.isfinite(curves)].tolist()
                _draw(axes, alphas, curves, name, color, line)
                suffix = "" if form == "raw" else "_aligned"
                found = document.quantity(condition.name, f"{score}_barrier{suffix}", "test")
                if found is not None and found.value is not None:
                    barriers.append((name, found))
        _frame(axes, values, unit, last=index == len(SCORES) - 1)
        if index == 0:
            axes.legend(loc="upper center", frameon=False, fontsize=SMALL, ncols=2, handlelength=2.2, borderpad=0)
        rise = "pp" if score == "error" else unit
        heights = ", then ".join(number(q.value, rise) for _, q in barriers)
        head(axes, with_unit(label, unit), f"barrier {heights}" if barriers else "")
        if barriers:
            said.append(f"{label.lower()} " + ", ".join(f"{q.said} {name}" for name, q in barriers))
    count = len(entry.get("runs") or [])
    pairs = f"{integer(count)} {'pair' if count == 1 else 'pairs'} of runs"
    finding = f"Barriers of {pairs}: {'; '.join(said)}." if said else f"Paths of {pairs}."
    alt = f"{condition.label}, test loss and test error on the straight paths between two runs. {finding}"
    return Panel(f"barriers--{condition.stem}", figure, finding, alt)


def _draw(axes: Axes, alphas: np.ndarray, curves: Curves, name: str, color: str, line: str) -> None:
    """Every path thin, their mean bold."""
    paths = [np.column_stack([alphas, curve]) for curve in curves if np.isfinite(curve).all()]
    axes.add_collection(LineCollection(paths, colors=color, linewidths=0.5, alpha=0.35), autolim=False)
    whole = curves[np.isfinite(curves).all(axis=1)]
    if len(whole):
        axes.plot(alphas, whole.mean(axis=0), color=color, linestyle=line, linewidth=1.6, label=name)


def _frame(axes: Axes, values: list[float], unit: str, *, last: bool) -> None:
    low, high = padded(values)
    axes.set_ylim(low, high + ROOM * (high - low))
    axes.set_xlim(0.0, 1.0)
    number_axis(axes.xaxis, "", bins=4)
    number_axis(axes.yaxis, unit, bins=4)
    horizontal_grid(axes)
    if last:
        axes.set_xlabel("α, from one run (0) to another (1)", color=SOFT)
    else:
        axes.tick_params(axis="x", labelbottom=False)


KIND = FigureKind(
    name="barriers",
    section="weights",
    panels=panels,
    tables=tables,
    reading=(
        "What networks half way between two runs would do. Thin: pairs of runs that share none; bold: their mean. "
        "Dashed: the same after the hidden units of the second run were relabeled to match those of the first, which "
        "leaves its outputs as they are. A barrier is the highest rise above the straight line between the ends; one "
        "that goes away was a matter of the order of the units. The batch statistics of a network that normalizes by "
        "any are made anew from training data at every place, the ends too, which then differ from the runs."
    ),
)
