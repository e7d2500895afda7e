"""Which source of randomness matters: variance components of crossed designs, spreads of one-at-a-time ones."""

from __future__ import annotations

import re
from collections.abc import Iterator

from varbench.report.document import Condition, Document, EstimateRow
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.style import BLUE, ORANGE
from varbench.report.figures.tracks import Point, Track, track_figure
from varbench.report.numbers import Quantity
from varbench.report.tables import Column, Table

COMPONENTS = tuple(f"{what}_variance_component" for what in ("prediction", "accuracy", "loss", "probability", "weight"))
SPREADS = ("disagreement_by_source", "accuracy_sd_by_source", "loss_sd_by_source")
TOTAL = "total"

_BY_SOURCE = re.compile(r" by (?:varied )?source$")


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each population and quantity."""
    for condition in document.populations:
        for name in (*COMPONENTS, *SPREADS):
            rows = [row for row in _rows(document, condition, name) if row.at != TOTAL]
            if rows:
                yield _panel(document, condition, name, rows)


def tables(document: Document) -> Iterator[Table]:
    """One row for each population, quantity and source."""
    rows = []
    for condition in document.populations:
        for name in (*COMPONENTS, *SPREADS):
            for row in _rows(document, condition, name):
                share = _share(document, row)
                rows.append((condition.label, document.measure(name).header, str(row.at), row.quantity, share))
    if rows:
        columns = (
            Column("condition", "Population"),
            Column("measure", "Quantity"),
            Column("source", "Source"),
            Column("value", "Value"),
            Column("share", "Share"),
        )
        yield Table("sources", "What each source of randomness brings.", columns, tuple(rows))


def _panel(document: Document, condition: Condition, name: str, rows: list[EstimateRow]) -> Panel:
    measure = document.measure(name)
    tracks = [_track(document, row) for row in rows]
    shared = any(_share(document, row) is not None for row in rows)
    quantity = _BY_SOURCE.sub("", measure.label)
    subtitle = f"{measure.label} (right: share)" if shared else measure.label
    figure = track_figure(condition.label, tracks, unit=measure.unit, subtitle=subtitle)
    finding = _finding(document, rows)
    said = "; ".join(f"{row.at}: {row.quantity.text}" for row in rows)
    alt = f"{condition.label}, {quantity} by source of randomness. {said}. {finding}"
    return Panel(f"sources-{name.replace('_', '-')}--{condition.stem}", figure, finding, alt)


def _track(document: Document, row: EstimateRow) -> Track:
    """A dot with its interval on a pale bar from 0; a hollow square where the estimate is below 0."""
    q = row.quantity
    value = q.value or 0.0
    share = _share(document, row)
    point = Point(q, ORANGE if value < 0 else BLUE, "s" if value < 0 else "o", hollow=value < 0)
    text = q.text if share is None or share.value is None else share.text
    return Track(str(row.at), text, (point,), band=(min(value, 0.0), max(value, 0.0)))


def _finding(document: Document, rows: list[EstimateRow]) -> str:
    """Which source brings most, and which estimates are below 0."""
    largest = max(rows, key=lambda row: row.quantity.value or 0.0)
    share = _share(document, largest)
    if share is None or share.value is None:
        return f"Largest with {largest.at}: {largest.quantity.said}."
    below = [str(row.at) for row in rows if (row.quantity.value or 0.0) < 0]
    negative = f" Below 0 by chance, where the true value is near 0: {', '.join(below)}." if below else ""
    return f"The largest estimate is that of {largest.at}: {share.said} of the total.{negative}"


def _rows(document: Document, condition: Condition, name: str) -> list[EstimateRow]:
    rows = document.rows(condition.name, name)
    return [row for row in rows if row.at is not None and row.quantity.value is not None]


def _share(document: Document, row: EstimateRow) -> Quantity | None:
    if not row.measure.endswith("_component"):
        return None
    return document.quantity(row.condition, row.measure.removesuffix("_component") + "_share", row.at)


KIND = FigureKind(
    name="sources",
    section="sources",
    panels=panels,
    tables=tables,
    reading=(
        "Each dot is what one source of randomness, or several acting together, bring to the difference between two "
        "runs that share no level; the bar is its interval, the percentage its share of the total. An interaction says "
        "that the effect of a source depends on the level of another. Estimates are unbiased, and stay as they are: "
        "a hollow square is one below 0, which chance makes of a true value near 0. Panels of a varied source show the "
        "spread of runs in which that source alone varies."
    ),
)
