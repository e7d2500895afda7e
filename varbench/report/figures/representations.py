"""Do two runs represent the examples alike? Layer by layer, beside untrained networks, and between layers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import seaborn as sns
from jaxtyping import Float

from varbench.report.document import Condition, Document, EstimateRow
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.style import BLUE, INK, SMALL, SOFT, WIDTH, axes_at, panel_figure
from varbench.report.figures.text import fitted
from varbench.report.figures.tracks import Point, Track, track_figure
from varbench.report.numbers import alongside
from varbench.report.tables import Cell, Column, Table

MEASURES = ("cka", "procrustes_distance")
UNTRAINED = "_untrained"
BETWEEN = "CKA between layers"
NAMES = 0.95  # inches left of the heat map for the names of layers
MOST_LAYERS = 24  # cells a side of a heat map
MOST_WRITTEN = 8  # cells a side in which numbers fit


def panels(document: Document) -> Iterator[Panel]:
    """For each population one panel a measure, and one of CKA between layers."""
    for name in MEASURES:
        for condition in document.populations:
            if _rows(document, condition, name):
                yield _tracks(document, condition, name)
    for condition in document.populations:
        names, matrix = _between(document, condition)
        if 1 < len(names) <= MOST_LAYERS:
            yield _heat_map(condition, names, matrix)


def tables(document: Document) -> Iterator[Table]:
    """One row a layer; and what the heat maps show."""
    rows: list[tuple[Cell, ...]] = []
    for condition in document.populations:
        layers = dict.fromkeys(row.at for name in MEASURES for row in _rows(document, condition, name))
        for layer in layers:
            cells = [document.quantity(condition.name, name, layer) for name in _columns()]
            rows.append((condition.label, str(layer), *cells))
    if rows:
        fixed = (Column("condition", "Population"), Column("layer", "Layer"))
        columns = tuple(Column(name, document.measure(name).header) for name in _columns())
        caption = "How alike two runs represent the test examples, layer by layer."
        yield Table("representations", caption, (*fixed, *columns), tuple(rows))
    for condition in document.populations:
        names, matrix = _between(document, condition)
        if len(names) > 1:
            cells = [[float(x) if np.isfinite(x) else None for x in row] for row in matrix]
            yield Table(
                f"layers--{condition.stem}",
                f"{condition.label}: CKA of a layer in one run (row) and a layer in another (column).",
                (Column("layer", "Layer"), *(Column(f"layer_{i}", name, "index") for i, name in enumerate(names))),
                tuple((name, *row) for name, row in zip(names, cells, strict=True)),
            )


def _columns() -> list[str]:
    return [name + suffix for name in MEASURES for suffix in ("", UNTRAINED)]


def _rows(document: Document, condition: Condition, name: str) -> list[EstimateRow]:
    """Trained networks layer by layer, where there is a value."""
    return [row for row in document.rows(condition.name, name) if row.at and row.quantity.value is not None]


def _tracks(document: Document, condition: Condition, name: str) -> Panel:
    measure, tracks, said = document.measure(name), [], []
    for row in _rows(document, condition, name):
        points, text = [Point(row.quantity, BLUE)], row.quantity.text
        null = document.quantity(condition.name, name + UNTRAINED, row.at)
        if null is not None and null.value is not None:
            points.insert(0, Point(null, SOFT, "D", hollow=True))
        untrained = f" (untrained {null.said})" if null is not None and null.value is not None else ""
        tracks.append(Track(str(row.at), text, tuple(points)))
        said.append(f"{row.at}: {text}{untrained}")
    figure = track_figure(condition.label, tracks, unit=measure.unit, subtitle=f"{measure.label}, layer by layer")
    alt = f"{condition.label}, {measure.label} of two runs layer by layer. {'; '.join(said)}."
    finding = _finding(document, condition, name)
    return Panel(f"representations-{name.replace('_', '-')}--{condition.stem}", figure, finding, alt, measure.label)


def _finding(document: Document, condition: Condition, name: str) -> str:
    """The layer in which two runs differ most, and what untrained networks show there."""
    rows = _rows(document, condition, name)
    pick = min if name == "cka" else max
    row = pick(rows, key=lambda row: row.quantity.value or 0.0)
    null = document.quantity(condition.name, name + UNTRAINED, row.at)
    beside = f", untrained networks {null.value_said}" if null is not None and null.value is not None else ""
    return f"Two runs differ most at {row.at}: {row.quantity.value_said}{beside}."


def _between(document: Document, condition: Condition) -> tuple[list[str], Float[np.ndarray, "L L"]]:
    found = document.plots(condition.name).get("layers") or {}
    names = [str(name) for name in found.get("names") or []]
    matrix = np.array(found.get("trained") or [], dtype=float)
    return (names, matrix) if matrix.shape == (len(names), len(names)) else ([], np.zeros((0, 0)))


def _heat_map(condition: Condition, names: list[str], matrix: Float[np.ndarray, "L L"]) -> Panel:
    """Layers of one run against layers of another; the network's order goes down and to the right."""
    count, side = len(names), WIDTH - NAMES - 0.2
    figure = panel_figure(condition.label, height=0.44 + side + 0.3)
    axes = axes_at(figure, top=0.44, height=side, left=NAMES, right=0.2)
    colors = sns.color_palette("mako_r", as_cmap=True)(np.clip(np.nan_to_num(matrix), 0.0, 1.0))
    pixels = np.round(colors[..., :3] * 255).astype(np.uint8)
    axes.imshow(pixels, interpolation="none", aspect="equal", extent=(-0.5, count - 0.5, count - 0.5, -0.5))
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(count - 0.5, -0.5)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    axes.set_yticks(range(count), [fitted(name, NAMES - 0.1, size=SMALL) for name in names])
    axes.text(0, 1.015, BETWEEN, transform=axes.transAxes, va="bottom", color=SOFT)
    axes.text(0, -0.02, fitted(f"{names[0]} → {names[-1]} of another run", side, size=SMALL),
              transform=axes.transAxes, va="top", color=SOFT, fontsize=SMALL)  # fmt: skip
    if count <= MOST_WRITTEN:
        for (i, j), value in np.ndenumerate(matrix):
            if np.isfinite(value):
                color = "white" if value > 0.55 else INK
                axes.text(j, i, f"{value:.2f}".replace("-", "−"), ha="center", va="center", fontsize=7, color=color)
    off = [(matrix[i, j], i, j) for i in range(count) for j in range(i) if np.isfinite(matrix[i, j])]
    least = min(off, default=(float("nan"), 0, 0))
    finding = ""
    if off:
        same = np.diag(matrix)
        low, high, lowest = alongside(float(np.nanmin(same)), float(np.nanmax(same)), float(least[0]))
        finding = (
            f"The same layer of two runs: {low} to {high}; least alike are {names[least[2]]} and {names[least[1]]}: "
            f"{lowest}."
        )
    alt = f"{condition.label}, matrix of CKA between {count} layers of two runs. {finding}"
    return Panel(f"layers--{condition.stem}", figure, finding, alt, BETWEEN)


KIND = FigureKind(
    name="representations",
    section="representations",
    panels=panels,
    tables=tables,
    reading=(
        "Filled: trained runs, mean over pairs, the bar its interval over runs. Hollow: the same networks before "
        "training, which are alike too, by architecture and data alone; only the difference is learned. CKA is 1 and "
        "the Procrustes distance 0 where one representation is a rotation and scaling of the other. CKA is debiased, "
        "so that unrelated representations read 0."
    ),
)
