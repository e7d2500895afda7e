"""Instability of every test example, sorted: is it a few hard examples or all of them?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from varbench.measures.predictions import instability_share
from varbench.report.document import Condition, Document
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.style import (
    BLUE,
    INK,
    LEFT,
    RIGHT,
    SMALL,
    SOFT,
    WIDTH,
    axes_at,
    head,
    horizontal_grid,
    number_axis,
    panel_figure,
)
from varbench.report.figures.text import text_width
from varbench.report.numbers import Quantity, integer, number
from varbench.report.tables import Column, Table

DRAWN = 600  # points of the curve; more are indistinguishable at this size
SHARES = (0.01, 0.05, 0.10)  # where the document has no estimates of its own
CORRECTED = "with the luck of ranking by few runs taken out"
SHARE_MEASURE = "instability_share"


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each population, all on the same scale."""
    known = [(c, _sorted(document, c)) for c in document.populations]
    known = [(c, u) for c, u in known if len(u)]
    top = max((float(u[0]) for _, u in known), default=1.0) or 1.0
    for condition, values in known:
        yield _panel(document, condition, values, top)


def tables(document: Document) -> Iterator[Table]:
    """Every value by rank; for reading, the share of the disagreement that the most unstable examples carry."""
    rows: list[tuple[str, int, float]] = []
    shares: list[tuple[str, str, int, float, Quantity, Quantity | None]] = []
    for condition in document.populations:
        values = _sorted(document, condition)
        rows += [(condition.label, rank, float(u)) for rank, u in enumerate(values, start=1)]
        for share, carried in _shares(document, condition).items() if len(values) else ():
            count = max(1, round(share * len(values)))
            drawn = _carried(values, share)
            shares.append((condition.label, f"{100 * share:g} %", count, float(values[count - 1]), drawn, carried))
    if rows:
        digest = Table(
            "instability",
            "How much of all disagreement the most unstable examples carry: as drawn, where the runs that rank the "
            f"examples are those that are summed, and {CORRECTED}, which is less where runs are few.",
            (
                Column("condition", "Condition"),
                Column("share", "Most unstable"),
                Column("count", "Examples", "count"),
                Column("threshold", "Instability at least", "fraction"),
                Column("drawn", "Share of the disagreement, as drawn"),
                Column("carried", "Corrected"),
            ),
            tuple(shares),
        )
        columns = (
            Column("condition", "Condition"),
            Column("rank", "Rank"),
            Column("instability", "Instability", "fraction"),
        )
        yield Table(
            "instability",
            "Instability of every test example, sorted.",
            columns,
            tuple(rows),
            digest,
            "plots.*.instability",
        )


def _shares(document: Document, condition: Condition) -> dict[float, Quantity | None]:
    """The corrected shares of the document: without an interval they are the plain ones."""
    found = {at: row.quantity for at, row in document.series(condition.name, SHARE_MEASURE)}
    corrected: dict[float, Quantity | None] = {
        at: q if q.low is not None else Quantity(None, reason=q.reason) for at, q in found.items()
    }
    return corrected or dict.fromkeys(SHARES)


def _carried(values: Float[np.ndarray, " E"], share: float) -> Quantity:
    """The plain share of the sorted values, which the curve shows."""
    if not values.sum() > 0:
        return Quantity(None, reason="no two runs disagree")
    return Quantity(float(instability_share(values, share=share)), unit="fraction")


def _sorted(document: Document, condition: Condition) -> Float[np.ndarray, " E"]:
    values = np.array(document.plots(condition.name).get("instability") or [], dtype=float)
    return np.sort(values[np.isfinite(values)])[::-1]


def _panel(document: Document, condition: Condition, values: Float[np.ndarray, " E"], top: float) -> Panel:
    figure = panel_figure(condition.label, height=2.2)
    axes = axes_at(figure, top=0.52, height=1.3)
    keep = np.unique(np.linspace(0, len(values) - 1, min(len(values), DRAWN)).round().astype(int))
    share = (keep + 0.5) / len(values)
    axes.fill_between(share, values[keep], color=BLUE, alpha=0.16, linewidth=0)
    axes.plot(share, values[keep], color=BLUE, linewidth=1.4)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, top * 1.05)
    number_axis(axes.xaxis, "fraction", bins=4)
    number_axis(axes.yaxis, "fraction", bins=4)
    horizontal_grid(axes)
    axes.set_xlabel("share of test examples, most unstable first")
    disagreement = document.quantity(condition.name, "disagreement")
    head(axes, "Instability", "" if disagreement is None else f"area: {disagreement.text}")
    stable = float(np.mean(values == 0))
    if stable > 0.02:
        edge = 1 - stable
        axes.plot([edge, 1], [0, 0], color=INK, linewidth=2.0, clip_on=False, solid_capstyle="butt")
        text = f"{number(stable, 'fraction')} never flip"
        if text_width(text, size=SMALL) < stable * (WIDTH - LEFT - RIGHT):  # otherwise only the caption says it
            axes.text(edge + stable / 2, top * 0.05, text, ha="center", color=SOFT, fontsize=SMALL)
    largest, corrected = list(_shares(document, condition).items())[-1]
    drawn = _carried(values, largest)
    carried = ""
    if drawn.value is not None:
        told = "" if corrected is None or corrected.value is None else f" ({corrected.said} {CORRECTED})"
        examples = f"{100 * largest:g} % of the examples"
        carried = f"The most unstable {examples} carry {drawn.value_said} of the disagreement of these runs{told}; "
    finished = (condition.n_runs or 0) - condition.n_diverged
    same = f"{number(stable, 'fraction')} of the {integer(len(values))} examples get the same class from every run."
    finding = carried + same if finished > 1 else "No two runs finished."
    highest = number(float(values[0]), "fraction")
    alt = f"{condition.label}, sorted instability of every test example, highest {highest}. {finding}"
    return Panel(f"instability--{condition.stem}", figure, finding, alt)


KIND = FigureKind(
    name="instability",
    section="flips",
    panels=panels,
    tables=tables,
    reading=(
        "Instability is the probability that two runs give one example different classes. The examples are sorted by "
        "it; the shaded area is the disagreement of two runs. All panels share one scale."
    ),
)
