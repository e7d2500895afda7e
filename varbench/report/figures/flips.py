"""The examples whose label depends on the run most: what they look like and how the runs voted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from varbench.report.document import Condition, Document
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.picture import picture, sheet
from varbench.report.figures.style import BLUE, INK, SOFT, WIDTH, panel_figure
from varbench.report.figures.text import fitted
from varbench.report.numbers import integer, number
from varbench.report.tables import Column, Table

COLUMNS = 3
TILE = 1.27  # inches from one row of tiles to the next
TOP = 0.36
PICTURE = 0.64  # height of a picture, inches
OTHERS = ("#8d8d8d", "#bdbdbd", "#d6d6d6", "#e6e6e6")  # votes for wrong classes, most frequent first
NAMED_CLASSES = 3


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each population that lists examples."""
    for condition in document.populations:
        flips = document.plots(condition.name).get("flips") or []
        if flips:
            yield _panel(condition, flips)


def tables(document: Document) -> Iterator[Table]:
    """One row an example, with the votes it got."""
    rows = []
    for condition in document.populations:
        for flip in document.plots(condition.name).get("flips") or []:
            votes = "; ".join(f"{c}: {n}" for c, n in _ranked(flip))
            rows.append((condition.label, flip.get("example"), flip.get("label"), flip.get("instability"), votes))
    if rows:
        columns = (
            Column("condition", "Condition"),
            Column("example", "Example"),
            Column("label", "True class"),
            Column("instability", "Instability", "fraction"),
            Column("votes", "Votes of the runs (class: runs)"),
        )
        yield Table("flips", "The examples whose predicted class changes most from run to run.", columns, tuple(rows))


def _panel(condition: Condition, flips: list[Mapping[str, Any]]) -> Panel:
    n_rows = -(-len(flips) // COLUMNS)
    pictures = any(flip.get("x") for flip in flips)
    tile = TILE if pictures else TILE - PICTURE
    figure = panel_figure(condition.label, height=TOP + tile * n_rows)
    axes = sheet(figure)
    for index, flip in enumerate(flips):
        left, top = WIDTH / COLUMNS * (index % COLUMNS), TOP + tile * (index // COLUMNS)
        _tile(axes, flip, left=left, top=top, pictures=pictures)
    first = flips[0]
    ranked = _ranked(first)
    votes = ", ".join(f"{integer(n)} for class {c}" for c, n in ranked[:NAMED_CLASSES])
    which = (
        f"the {NAMED_CLASSES} classes with the most votes, of {len(ranked)}"
        if len(ranked) > NAMED_CLASSES
        else "its votes"
    )
    finding = (
        f"The most unstable example (number {first.get('example')}, true class {first.get('label')}) gets a "
        f"different class from two runs with probability {number(first.get('instability'), 'fraction')}; "
        f"{which}: {votes}."
    )
    shown = f"the {integer(len(flips))} examples that flip most, each with the votes of the runs"
    alt = f"{condition.label}, {shown}. {finding}"
    return Panel(f"flips--{condition.stem}", figure, finding, alt)


def _ranked(flip: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Classes with votes, most votes first."""
    votes = [(c, int(n)) for c, n in enumerate(flip.get("votes") or []) if n]
    return sorted(votes, key=lambda pair: (-pair[1], pair[0]))


def _tile(axes: Axes, flip: Mapping[str, Any], *, left: float, top: float, pictures: bool) -> None:
    """The true class, the example where there are pictures (otherwise what it is called), and the votes."""
    width = WIDTH / COLUMNS - 0.14
    if pictures:
        axes.text(left, top, f"true class {flip.get('label')}", va="top", fontsize=7, color=SOFT)
        picture(axes, flip, left=left, top=top + 0.16, width=width, height=PICTURE)
    else:
        name = fitted(f"example {flip.get('example')}, class {flip.get('label')}", width, size=7)
        axes.text(left, top, name, va="top", fontsize=7, color=SOFT)
        top -= PICTURE
    ranked = _ranked(flip)
    total = sum(n for _, n in ranked) or 1
    start, grays = left, iter(OTHERS)
    for c, n in sorted(ranked, key=lambda pair: pair[0] != flip.get("label")):
        color = BLUE if c == flip.get("label") else next(grays, OTHERS[-1])
        share = n / total * width
        axes.add_patch(Rectangle((start, top + 0.86), share, 0.09, facecolor=color, edgecolor="white", lw=0.5))
        start += share
    named = " · ".join(f"{c}: {n}" for c, n in ranked[:NAMED_CLASSES])
    more = " …" if len(ranked) > NAMED_CLASSES else ""
    axes.text(left, top + 1.0, named + more, va="top", fontsize=7, color=INK)


KIND = FigureKind(
    name="flips",
    section="flips",
    panels=panels,
    tables=tables,
    reading=(
        "The test examples on which the runs disagree most. The bar shows the votes of all runs: blue for the true "
        "class, gray for the others; below it the classes with the most votes, three at most, and how many runs chose "
        "them."
    ),
)
