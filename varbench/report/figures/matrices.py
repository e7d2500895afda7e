"""Distances between all pairs of runs, ordered by clustering: families of similar runs would show as blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import seaborn as sns
from jaxtyping import Bool, Float
from matplotlib.figure import Figure

from varbench.analysis.plotdata import square
from varbench.report.document import Condition, Document, Measure, file_stem
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.style import BASE, INK, SOFT, WIDTH, axes_at, number_axis, panel_figure, with_unit
from varbench.report.figures.text import fitted
from varbench.report.numbers import alongside, integer
from varbench.report.tables import PRINTED_ROWS, Column, Table

LARGEST_DRAWN = 256  # cells a side; larger populations are averaged over blocks of neighbors
LARGEST_WRITTEN = 48  # runs; larger matrices are only in analysis.json
SIDE = 3.2  # inches
SHADES = 63  # steps of the color scale: more are not told apart
BLANK = 220  # gray level of runs that did not finish
UNITS = {"disagreement": "fraction"}


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each matrix of each population, measure by measure."""
    for name in _names(document):
        for condition in document.populations:
            matrix = _matrix(document, condition, name)
            if matrix is not None and len(matrix) > 1:
                lost = _diverged(document, condition, name, len(matrix))
                yield _panel(condition, document.measure(name), _unit(document, name), matrix, lost)


def tables(document: Document) -> Iterator[Table]:
    """The matrix run by run; for reading, each run's mean, nearest and farthest other run."""
    for name in _names(document):
        for condition in document.populations:
            matrix = _matrix(document, condition, name, ordered=False)
            if matrix is not None and len(matrix) > 1:
                yield _table(condition, document.measure(name), _unit(document, name), matrix)


def _names(document: Document) -> list[str]:
    """Disagreement first, then whatever other matrices there are."""
    names = [n for c in document.populations for n in document.plots(c.name).get("matrices") or {}]
    return sorted(dict.fromkeys(names), key=lambda name: (name != "disagreement", name))


def _unit(document: Document, name: str) -> str:
    return UNITS.get(name) or document.measure(name).unit


def _matrix(
    document: Document, condition: Condition, name: str, *, ordered: bool = True
) -> Float[np.ndarray, "R R"] | None:
    rows = (document.plots(condition.name).get("matrices") or {}).get(name)
    if not rows:
        return None
    matrix = square(rows)
    order = _order(document, condition, name, len(matrix))
    return matrix[np.ix_(order, order)] if ordered else matrix


def _order(document: Document, condition: Condition, name: str, size: int) -> list[int]:
    """The order of the runs by this matrix, or by their disagreement where it has none of its own."""
    plots = document.plots(condition.name)
    order = (plots.get("orders") or {}).get(name) or plots.get("order") or []
    return order if len(order) == size else list(range(size))


def _diverged(document: Document, condition: Condition, name: str, size: int) -> Bool[np.ndarray, " R"]:
    """Which rows of the ordered matrix belong to runs that did not finish."""
    finished = (document.plots(condition.name).get("runs") or {}).get("finished") or []
    lost = ~np.array(finished[:size], dtype=bool) if len(finished) >= size else np.zeros(size, dtype=bool)
    return lost[_order(document, condition, name, size)]


def _panel(
    condition: Condition,
    measure: Measure,
    unit: str,
    matrix: Float[np.ndarray, "R R"],
    lost: Bool[np.ndarray, " R"],
) -> Panel:
    matrix = np.where(lost[:, None] | lost[None, :], np.nan, matrix)  # their distances would hide all others
    pairs = matrix[np.triu_indices(len(matrix), 1)]
    pairs = pairs[np.isfinite(pairs)]
    figure = panel_figure(condition.label, height=SIDE + 0.88)
    low, high = (float(pairs.min()), float(pairs.max())) if len(pairs) else (0.0, 1.0)
    limits = (low, high) if high > low else (low, low + (abs(low) or 1.0))
    axes = axes_at(figure, top=0.44, height=SIDE, left=0.0, right=WIDTH - SIDE)
    pixels = _pixels(_shrink(_without_diagonal(matrix)), limits)
    if len(pixels) == len(matrix):
        pixels[lost] = pixels[:, lost] = BLANK
    axes.imshow(pixels, interpolation="none", aspect="equal")
    axes.set_axis_off()
    size = integer(len(matrix))
    first = f", the first of {integer(condition.n_runs)}" if (condition.n_runs or 0) > len(matrix) else ""
    axes.text(0, 1.015, f"{size} × {size} runs{first}", transform=axes.transAxes, va="bottom", color=SOFT)
    _scale(figure, measure, unit, limits, top=0.44 + SIDE + 0.12)
    least, most, median = alongside(low, high, float(np.median(pairs)) if len(pairs) else low, unit=unit)
    count = f"{integer(len(pairs))} pair{'' if len(pairs) == 1 else 's'}"
    finding = f"{measure.label} of two runs: {least} to {most}, median {median} over {count}."
    if not len(pairs):
        finding = "No two runs finished."
    if lost.any():
        finding += f" Gray: {integer(int(lost.sum()))} diverged, left out."
    alt = f"{condition.label}, matrix of {size} by {size} runs{first}, ordered by clustering. {finding}"
    return Panel(f"matrix-{file_stem(measure.name)}--{condition.stem}", figure, finding, alt, measure.label)


def _scale(figure: Figure, measure: Measure, unit: str, limits: tuple[float, float], *, top: float) -> None:
    """The color scale as a thin strip under the matrix."""
    axes = axes_at(figure, top=top, height=0.09, left=1.5, right=WIDTH - SIDE)
    ramp = np.linspace(*limits, 128)[None, :]
    axes.imshow(_pixels(ramp, limits), extent=(*limits, 0, 1), aspect="auto", interpolation="none")
    axes.set_yticks([])
    number_axis(axes.xaxis, unit, bins=4)
    axes.tick_params(axis="x", length=2)
    axes.spines["bottom"].set_visible(False)
    name = fitted(with_unit(measure.label, unit), 1.35, size=BASE)
    axes.annotate(
        name, (0, 0.5), (-8, 0), xycoords="axes fraction", textcoords="offset points",
        ha="right", va="center", color=INK,
    )  # fmt: skip


def _without_diagonal(matrix: Float[np.ndarray, "R R"]) -> Float[np.ndarray, "R R"]:
    """A run is identical to itself: its cell says nothing and would stretch the color scale."""
    blank = matrix.copy()
    np.fill_diagonal(blank, np.nan)
    return blank


def _shrink(matrix: Float[np.ndarray, "R R"]) -> Float[np.ndarray, "r r"]:
    """Means over blocks of neighboring runs, at most `LARGEST_DRAWN` a side; empty cells are left out."""
    blocks = np.array_split(np.arange(len(matrix)), min(len(matrix), LARGEST_DRAWN))
    if len(blocks) == len(matrix):
        return matrix
    starts = [block[0] for block in blocks]
    finite = np.isfinite(matrix)
    sums, counts = (
        np.add.reduceat(np.add.reduceat(array, starts, axis=0), starts, axis=1)
        for array in (np.where(finite, matrix, 0.0), finite.astype(float))
    )
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def _pixels(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    low, high = limits
    shares = np.round((np.nan_to_num(values, nan=low) - low) / (high - low) * SHADES) / SHADES
    colors = sns.color_palette("mako_r", as_cmap=True)(shares)
    pixels = np.round(colors[..., :3] * 255).astype(np.uint8)
    pixels[~np.isfinite(values)] = 255
    return pixels


def _table(condition: Condition, measure: Measure, unit: str, matrix: Float[np.ndarray, "R R"]) -> Table:
    others = _without_diagonal(matrix)
    rows: list[tuple[int | float | None, ...]] = []
    for run, distances in enumerate(others):
        known = np.isfinite(distances)
        if not known.any():
            rows.append((run, None, None, None, None))
            continue
        nearest = int(np.nanargmin(distances))
        rows.append(
            (
                run,
                float(distances[known].mean()),
                nearest,
                float(distances[nearest]),
                float(distances[known].max()),
            )
        )
    name = f"matrix-{file_stem(measure.name)}--{condition.stem}"
    caption = f"{condition.label}: {measure.inline} of each run to the others."
    digest = Table(
        name,
        caption,
        (
            Column("run", "Run"),
            Column("mean", "Mean to the others", unit),
            Column("nearest", "Nearest run"),
            Column("nearest_value", "To the nearest", unit),
            Column("farthest_value", "To the farthest", unit),
        ),
        tuple(rows),
        most=PRINTED_ROWS,
    )
    if len(matrix) > LARGEST_WRITTEN:
        return digest
    cells = [[None if not np.isfinite(x) else float(x) for x in row] for row in matrix]
    columns = (Column("run", "Run"), *(Column(f"run_{i}", f"{i}", unit) for i in range(len(matrix))))
    return Table(name, caption, columns, tuple((i, *row) for i, row in enumerate(cells)), digest)


KIND = FigureKind(
    name="matrices",
    section="pairs",
    panels=panels,
    tables=tables,
    reading=(
        "Row and column are runs, in the order of a hierarchical clustering of their disagreement; darker is farther "
        "apart: the share of test examples with another predicted class, or the distance of the weights. Families of "
        "similar models would show as pale blocks along the diagonal. Scales differ between panels."
    ),
)
