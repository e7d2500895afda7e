"""Do two runs give the same reasons? Agreement of their input gradients with its nulls, and one example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import seaborn as sns
from jaxtyping import Float
from matplotlib.axes import Axes

from varbench.report.document import Condition, Document
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.picture import picture, pixels_at, shape_of, sheet
from varbench.report.figures.style import BLUE, FAINT, ORANGE, SMALL, SOFT, WIDTH, panel_figure
from varbench.report.figures.tracks import Point, Track, track_figure
from varbench.report.numbers import Quantity, integer, number
from varbench.report.tables import Cell, Column, Table

MEASURES = {
    "attribution_cosine": "cosine of gradients",
    "attribution_rank_correlation": "rank correlation of magnitudes",
    "attribution_topk_overlap": "overlap of the top tenth",
}
UNTRAINED = "_untrained"
SAME_RUN = Quantity(1.0)
TOP = 0.32
CURVE, ROW = 0.55, 0.42  # heights of an example's curve and of a run's row, inches
NAMES = 0.72  # inches left of curves
TILE_GAP = 0.08


def panels(document: Document) -> Iterator[Panel]:
    """For each population the agreement of its runs, and one example."""
    for condition in document.populations:
        if _tracks(document, condition):
            yield _agreement(document, condition)
    for condition in document.populations:
        shown = document.plots(condition.name).get("attributions") or {}
        if shape_of(shown) and shown.get("maps"):
            yield _example(condition, shown)


def tables(document: Document) -> Iterator[Table]:
    """One row a population; and the gradients that are drawn."""
    names = [name + suffix for name in MEASURES for suffix in ("", UNTRAINED)]
    rows: list[tuple[Cell, ...]] = []
    for condition in document.populations:
        cells = [document.quantity(condition.name, name) for name in names]
        if any(cell is not None and cell.value is not None for cell in cells):
            rows.append((condition.label, *cells))
    if rows:
        columns = (Column("condition", "Population"), *(Column(n, document.measure(n).header) for n in names))
        yield Table("attributions", "Agreement of two runs' explanations, and its nulls.", columns, tuple(rows))
    for condition in document.populations:
        shown = document.plots(condition.name).get("attributions") or {}
        if shape_of(shown) and shown.get("maps"):
            yield _gradients(condition, shown)


def _gradients(condition: Condition, shown: Mapping[str, Any]) -> Table:
    runs = [int(run) for run in shown["runs"]]
    columns = (Column("input", "Input"), Column("x", "Value"), *(Column(f"run_{run}", f"Run {run}") for run in runs))
    rows = tuple((i, x, *maps) for i, (x, *maps) in enumerate(zip(shown["x"], *shown["maps"], strict=True)))
    caption = f"{condition.label}: input gradients of example {shown.get('example')}."
    digest = Table(f"gradients--{condition.stem}", caption, columns, rows[:12])
    return Table(f"gradients--{condition.stem}", caption, columns, rows, digest)


def _tracks(document: Document, condition: Condition) -> list[Track]:
    tracks = []
    for name, label in MEASURES.items():
        quantity, null = (document.quantity(condition.name, name + suffix) for suffix in ("", UNTRAINED))
        if quantity is not None and quantity.value is not None:
            points = [Point(SAME_RUN, SOFT, "|", hollow=True), Point(quantity, BLUE)]
            if null is not None and null.value is not None:
                points.insert(0, Point(null, SOFT, "D", hollow=True))
            tracks.append(Track(label, quantity.text, tuple(points)))
    return tracks


def _agreement(document: Document, condition: Condition) -> Panel:
    tracks = _tracks(document, condition)
    figure = track_figure(condition.label, tracks, unit="", subtitle="Agreement of two runs' input gradients")
    said = "; ".join(f"{track.label} {track.text}" for track in tracks)
    first = next(name for name in MEASURES if _known(document, condition, name) is not None)
    value, null = (_known(document, condition, first + suffix) for suffix in ("", UNTRAINED))
    beside = f", against {null} for untrained networks and 1 for a run and itself" if null else ""
    finding = f"{MEASURES[first].capitalize()}: {value}{beside}."
    alt = f"{condition.label}, agreement of two runs' input gradients. {said}. {finding}"
    return Panel(f"attributions--{condition.stem}", figure, finding, alt, "Agreement")


def _known(document: Document, condition: Condition, name: str) -> str | None:
    quantity = document.quantity(condition.name, name)
    return None if quantity is None or quantity.value is None else quantity.value_said


def _example(condition: Condition, shown: Mapping[str, Any]) -> Panel:
    shape, runs = shape_of(shown), [int(run) for run in shown["runs"]]
    maps = _scaled(np.array(shown["maps"], dtype=float))
    image = len(shape) in (2, 3)
    side = (WIDTH - 0.06 - TILE_GAP * len(runs)) / (len(runs) + 1)
    height = TOP + (0.2 + side * shape[0] / shape[1] if image else CURVE + ROW * len(runs)) + 0.05
    figure = panel_figure(condition.label, height=height)
    axes = sheet(figure)
    named = f"class {shown.get('label')}"
    if image:
        axes.text(0, TOP, named, va="top", fontsize=SMALL, color=SOFT)
        box = {"top": TOP + 0.17, "width": side, "height": side * shape[0] / shape[1]}
        picture(axes, shown, left=0.0, **box)
        for i, (run, gradient) in enumerate(zip(runs, maps, strict=True), start=1):
            left = i * (side + TILE_GAP)
            axes.text(left, TOP, f"run {run}", va="top", fontsize=SMALL, color=SOFT)
            pixels_at(axes, _colors(gradient.reshape(shape)), left=left, **box)
    else:
        axes.text(0, TOP + CURVE / 2, named, va="center", fontsize=SMALL, color=SOFT)
        picture(axes, shown, left=NAMES, top=TOP, width=WIDTH - NAMES - 0.05, height=CURVE - 0.1)
        for i, (run, gradient) in enumerate(zip(runs, maps, strict=True)):
            _curve(axes, gradient, name=f"run {run}", middle=TOP + CURVE + ROW * (i + 0.5))
    agree = number(shown.get("agreement"))
    finding = (
        f"What moves the right class's logit on example {shown.get('example')} (class {shown.get('label')}) in "
        f"{integer(len(runs))} runs: mean cosine {agree}, the median over examples."
    )
    alt = f"{condition.label}, an example and its input gradients under {integer(len(runs))} runs. {finding}"
    return Panel(f"gradients--{condition.stem}", figure, finding, alt, "A typical example")


def _scaled(maps: Float[np.ndarray, "r D"]) -> Float[np.ndarray, "r D"]:
    """Each run's gradient over its own largest magnitude: agreement is about direction."""
    clean = np.nan_to_num(maps)
    return clean / np.maximum(np.abs(clean).max(axis=1, keepdims=True), 1e-300)


def _curve(axes: Axes, gradient: Float[np.ndarray, " D"], *, name: str, middle: float) -> None:
    x = NAMES + np.linspace(0, WIDTH - NAMES - 0.05, gradient.size)
    axes.text(0, middle, name, va="center", fontsize=SMALL, color=SOFT)
    axes.plot(x[[0, -1]], [middle, middle], color=FAINT, linewidth=0.5)
    for part, color in ((np.maximum(gradient, 0), BLUE), (np.minimum(gradient, 0), ORANGE)):
        axes.bar(x, -part * 0.45 * ROW, bottom=middle, width=0.75 * (x[1] - x[0] if x.size > 1 else 0.1), color=color)


def _colors(gradient: np.ndarray) -> np.ndarray:
    """Blue raises, orange lowers, white does nothing; channels are summed."""
    flat = gradient.reshape(*gradient.shape[:2], -1).sum(axis=2)
    share = np.clip(flat / max(float(np.abs(flat).max()), 1e-300), -1.0, 1.0)[..., None]
    up, down = (np.array(sns.color_palette([color])[0]) for color in (BLUE, ORANGE))
    return 1.0 - np.abs(share) * (1.0 - np.where(share > 0, up, down))


KIND = FigureKind(
    name="attributions",
    section="representations",
    panels=panels,
    tables=tables,
    reading=(
        "An attribution is the gradient of the right class's logit by the inputs. Filled: two trained runs on the "
        "same example, mean over examples and pairs, the bar its interval over runs; hollow: the same networks before"
        " training; the tick at 1: a run against itself. In the pictures of a typical example, blue inputs raise the "
        "logit and orange ones lower it; each run is scaled to its largest gradient."
    ),
)
