"""What averaging M runs buys: accuracy of the ensemble, and disagreement of two disjoint ensembles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from varbench.report.document import Condition, Document, EstimateRow
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.style import (
    FAINT,
    SERIES,
    SOFT,
    axes_at,
    head,
    horizontal_grid,
    number_axis,
    padded,
    panel_figure,
    with_unit,
)
from varbench.report.tables import Column, Table

CURVES = (
    ("ensemble_accuracy", "Ensemble accuracy"),
    ("ensemble_disagreement", "Ensemble disagreement"),
)
MEASURES = ("ensemble_accuracy", "ensemble_gain", "ensemble_disagreement", "ensemble_loss", "ensemble_brier")

Points = list[tuple[float, EstimateRow]]


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each population with at least one ensemble estimate."""
    for condition in document.populations:
        curves = [(name, heading, _points(document, condition, name)) for name, heading in CURVES]
        curves = [curve for curve in curves if curve[2]]
        if curves:
            yield _panel(condition, curves)


def tables(document: Document) -> Iterator[Table]:
    """One row for each ensemble size."""
    names = [name for name in MEASURES if any(r.measure == name for r in document.estimates)]
    rows = []
    for condition in document.populations:
        found = {name: dict(document.series(condition.name, name)) for name in names}
        for size in sorted({m for series in found.values() for m in series}):
            cells = [found[name][size].quantity if size in found[name] else None for name in names]
            rows.append((condition.label, int(size), *cells))
    if rows:
        columns = [Column(name, document.measure(name).header) for name in names]
        caption = "Ensembles of M runs: class probabilities are averaged, then the class is taken."
        yield Table("ensembles", caption, (Column("condition", "Condition"), Column("M", "M"), *columns), tuple(rows))


def _points(document: Document, condition: Condition, name: str) -> Points:
    return [(m, row) for m, row in document.series(condition.name, name) if row.quantity.value is not None]


def _panel(condition: Condition, curves: list[tuple[str, str, Points]]) -> Panel:
    figure = panel_figure(condition.label, height=0.49 + 1.32 * len(curves))
    said = []
    sizes = sorted({m for *_, points in curves for m, _ in points})
    for index, (_, heading, points) in enumerate(curves):
        color, marker, line = SERIES[index]
        axes = axes_at(figure, top=0.5 + 1.32 * index, height=0.92)
        values = _draw(axes, points, color=color, marker=marker, line=line)
        (smallest, first), (largest, last) = points[0], points[-1]
        if smallest == 1 and first.quantity.value is not None:
            axes.axhline(first.quantity.value, color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        axes.set_ylim(*padded(values, share=0.12))
        _size_axis(axes, sizes, labels=index == len(curves) - 1)
        number_axis(axes.yaxis, first.quantity.unit, bins=4)
        horizontal_grid(axes)
        head(axes, with_unit(heading, first.quantity.unit), f"M = {largest:g}: {last.quantity.text}")
        start = f" from {first.quantity.value_said} at M = {smallest:g}"
        before = start if largest > smallest else ""
        said.append(f"{heading.lower()} goes{before} to {last.quantity.said} at M = {largest:g}")
    finished = [f"Of the runs that finished; {condition.n_diverged} diverged."] if condition.n_diverged else []
    finding = " ".join([f"{'; '.join(said)}.", *finished, *(text for curve in curves for text in _bandless(*curve))])
    finding = finding[0].upper() + finding[1:]
    alt = f"{condition.label}, curves against the ensemble size M with interval bands. {finding}"
    return Panel(f"ensembles--{condition.stem}", figure, finding, alt)


def _bandless(name: str, heading: str, points: Points) -> Iterator[str]:
    """Why the band of a curve stops, a sentence for each reason."""
    reasons: dict[str, list[str]] = {}
    for size, row in points:
        if row.quantity.low is None and row.quantity.high is None and row.quantity.value != 0:
            reasons.setdefault(_why_no_band(name, size, row), []).append(f"{size:g}")
    for reason, sizes in reasons.items():
        if reason:
            yield f"{heading} has no band at M = {', '.join(sizes)}: {reason}."


def _why_no_band(name: str, size: float, row: EstimateRow) -> str:
    used = 2 * int(size)
    if name == "ensemble_disagreement" and row.n_runs is not None and row.n_runs - 1 < used <= row.n_runs:
        taken = "all" if used == row.n_runs else f"{used} of the"
        return (
            f"two ensembles that share no run take {taken} {row.n_runs} runs, so that none are left to compare when "
            "the jackknife leaves out a run"
        )
    return row.quantity.reason


def _draw(axes: Axes, points: Points, *, color: str, marker: str, line: str) -> list[float]:
    """Curve, points and interval band; returns every number drawn."""
    size = np.array([m for m, _ in points], dtype=float)
    value, low, high = (
        np.array([np.nan if x is None else x for x in column], dtype=float)
        for column in zip(*((r.quantity.value, r.quantity.low, r.quantity.high) for _, r in points), strict=True)
    )
    axes.fill_between(size, low, high, color=color, alpha=0.2, linewidth=0)
    axes.plot(size, value, color=color, marker=marker, linestyle=line, markersize=3.4, linewidth=1.3)
    return [float(x) for x in np.concatenate([value, low, high]) if np.isfinite(x)]


def _size_axis(axes: Axes, sizes: list[float], *, labels: bool) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [f"{m:g}" if labels else "" for m in sizes])
    axes.minorticks_off()
    axes.set_xlim(min(sizes) * 0.9, max(sizes) * 1.12)
    if labels:
        axes.set_xlabel("M, runs in the ensemble", color=SOFT)


KIND = FigureKind(
    name="ensembles",
    section="ensembles",
    panels=panels,
    tables=tables,
    reading=(
        "An ensemble averages the class probabilities of M runs. Above: its accuracy. Below: how often two ensembles "
        "that share no run disagree. Dotted: one run alone. Lines: means over choices of the M runs; bands: "
        "their intervals over runs, which the table gives."
    ),
)
