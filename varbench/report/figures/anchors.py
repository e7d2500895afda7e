"""Our numbers beside published ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from varbench.report.document import Document, file_stem
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.style import BLUE, VERMILION
from varbench.report.figures.tracks import Point, Track, track_figure
from varbench.report.numbers import Quantity, difference, number
from varbench.report.overview import HOLDS
from varbench.report.tables import Cell, Column, Table


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each measure that has a published number."""
    anchors = document.items("anchors")
    for name in dict.fromkeys(str(a.get("measure")) for a in anchors):
        shown = [a for a in anchors if a.get("measure") == name and a.get("ours") is not None]
        if shown:
            yield _panel(document, name, shown)


def tables(document: Document) -> Iterator[Table]:
    """One row an anchor; it is within where its whole interval lies within the tolerance."""
    rows: list[tuple[Cell, ...]] = []
    for anchor in document.items("anchors"):
        measure = document.measure(str(anchor.get("measure")))
        unit, published = measure.unit, anchor.get("published")
        tolerance = anchor.get("tolerance")
        rows.append(
            (
                document.label(anchor.get("condition")),
                measure.header,
                _ours(anchor, unit),
                Quantity(published, unit=unit),
                "—" if _gap(anchor) is None else difference(_gap(anchor), unit),
                "—" if tolerance is None else number(tolerance, "pp" if unit == "fraction" else unit),
                HOLDS[anchor.get("within")],
                _source(anchor),
            )
        )
    if rows:
        yield Table(
            "anchors",
            "Held against published numbers.",
            (
                Column("condition", "Condition"),
                Column("measure", "Measure"),
                Column("ours", "Here"),
                Column("published", "Published"),
                Column("difference", "Difference"),
                Column("tolerance", "Tolerance"),
                Column("within", "Within"),
                Column("source", "Source"),
            ),
            tuple(rows),
        )


def _ours(anchor: Mapping[str, Any], unit: str) -> Quantity:
    reason = "" if anchor.get("ours") is not None else str(anchor.get("reason") or "not measured here")
    return Quantity(anchor.get("ours"), anchor.get("low"), anchor.get("high"), unit, reason)


def _gap(anchor: Mapping[str, Any]) -> float | None:
    ours, published = anchor.get("ours"), anchor.get("published")
    return None if ours is None or published is None else float(ours) - float(published)


def _source(anchor: Mapping[str, Any]) -> str:
    return "; ".join(str(anchor[key]) for key in ("source", "published_note") if anchor.get(key))


def _panel(document: Document, name: str, anchors: list[Mapping[str, Any]]) -> Panel:
    measure = document.measure(name)
    tracks, said = [], []
    for anchor in anchors:
        ours = _ours(anchor, measure.unit)
        published, tolerance = anchor.get("published"), anchor.get("tolerance")
        points = [Point(ours, BLUE, "o")]
        band = None
        text = told = ours.text
        if published is not None:
            points.append(Point(Quantity(published, unit=measure.unit), VERMILION, "D", hollow=True))
            text = f"{ours.value_text}, published {number(published, measure.unit)}"
            told = f"{ours.text}, published {number(published, measure.unit)}"
        if published is not None and tolerance is not None:
            band = (published - tolerance, published + tolerance)
        label = document.label(anchor.get("condition"))
        tracks.append(Track(label, text, tuple(points), band=band))
        said.append(f"{label}: {told}")
    figure = track_figure(measure.label, tracks, unit=measure.unit)
    gaps = [
        f"{document.label(a.get('condition'))} {difference(_gap(a), measure.unit)}"
        for a in anchors
        if _gap(a) is not None
    ]
    finding = f"Here minus published: {'; '.join(gaps)}." if gaps else ""
    alt = f"{measure.label}, here and published. {'; '.join(said)}. {finding}"
    return Panel(f"anchors--{file_stem(name)}", figure, finding, alt)


KIND = FigureKind(
    name="anchors",
    section="anchors",
    panels=panels,
    tables=tables,
    reading=(
        "Filled circle: this report, with its interval. Hollow diamond: the published number; the pale bar is the "
        "tolerance. Ours is within it where its whole interval is, and not where the whole interval lies outside; "
        "otherwise that is not decided."
    ),
    tables_open=True,
)
