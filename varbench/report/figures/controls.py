"""Controls beside the populations they control: the same levels again, another width, …"""

from __future__ import annotations

from collections.abc import Iterator

from varbench.report.document import Condition, Document, file_stem
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.style import BLUE, VERMILION
from varbench.report.figures.tracks import Point, Track, track_figure
from varbench.report.numbers import Quantity
from varbench.report.tables import Cell, Column, Table

DRAWN = ("disagreement", "weight_distance")
FIRST = ("bitwise_equal", *DRAWN, "logit_correlation", "accuracy", "loss")
MOST_COLUMNS = 6
INDEPENDENT = "independent runs"


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each measure and each population that has controls; panels of a measure share their scale."""
    for name in DRAWN:
        groups: dict[str, list[Track]] = {}
        for control in _ordered(document):
            quantity = document.quantity(control.name, name)
            if quantity is not None:
                of = control.of or control.name
                groups.setdefault(of, _own_track(document, of, name)).append(
                    _track(_what(document, control), quantity, VERMILION, "s")
                )
        everything = [track for tracks in groups.values() for track in tracks]
        for of, tracks in groups.items():
            yield _panel(document, name, of, tracks, everything)


def tables(document: Document) -> Iterator[Table]:
    """One row a control, each followed by what it controls."""
    names = _measures(document)
    rows: list[tuple[Cell, ...]] = []
    seen = None
    for control in _ordered(document):
        population = _population(document, control)
        if population is not None and population.name != seen:
            rows.append(_row(document, population, INDEPENDENT, names))
        seen = control.of
        rows.append(_row(document, control, _what(document, control), names, of=document.label(control.of)))
    if rows:
        columns = [Column(name, document.measure(name).header) for name in names]
        fixed = (
            Column("of", "Population"),
            Column("condition", "What is compared"),
            Column("runs", "Runs", "count"),
        )
        yield Table("controls", "Controls beside the populations they control.", (*fixed, *columns), tuple(rows))


def _ordered(document: Document) -> list[Condition]:
    """Controls by the population they control, in the order of the document."""
    order = {c.name: i for i, c in enumerate(document.conditions)}
    return sorted(document.controls, key=lambda c: (order.get(c.of or "", len(order)), order[c.name]))


def _population(document: Document, control: Condition) -> Condition | None:
    return next((c for c in document.populations if c.name == control.of), None)


def _measures(document: Document) -> list[str]:
    controls = {c.name for c in document.controls}
    names = dict.fromkeys(r.measure for r in document.estimates if r.condition in controls and r.at is None)
    return sorted(names, key=lambda n: FIRST.index(n) if n in FIRST else len(FIRST))[:MOST_COLUMNS]


def _row(document: Document, condition: Condition, what: str, names: list[str], *, of: str = "") -> tuple[Cell, ...]:
    cells = [document.quantity(condition.name, name) for name in names]
    return (of or condition.label, what, condition.n_runs, *cells)


def _what(document: Document, control: Condition) -> str:
    """The label of the control without what it shares with that of what it controls: `same levels again`.

    `MLP 32, other width` of `MLP 32, all sources` is `other width`.
    """
    of = document.label(control.of)
    first, comma, _ = of.rpartition(", ")
    shared = next((words for words in (of, f"{first}{comma}") if control.label.startswith(words)), "")
    return control.label.removeprefix(shared).lstrip(" ,;:·–—-") or control.label


def _own_track(document: Document, population: str, name: str) -> list[Track]:
    """What independent runs of the population give, to compare its controls with."""
    quantity = document.quantity(population, name)
    return [] if quantity is None else [_track(INDEPENDENT, quantity, BLUE, "o")]


def _track(label: str, quantity: Quantity, color: str, marker: str) -> Track:
    text = quantity.text if quantity.value is not None else "not measured"
    return Track(label, text, (Point(quantity, color, marker),))


def _panel(document: Document, name: str, of: str, tracks: list[Track], everything: list[Track]) -> Panel:
    measure = document.measure(name)
    label = document.label(of)
    figure = track_figure(label, tracks, unit=measure.unit, subtitle=measure.label, scale_of=everything)
    finding = _finding(tracks)
    alt = f"{label}, {measure.label}. {finding}"
    return Panel(f"controls-{file_stem(name)}--{file_stem(of)}", figure, finding, alt, measure.label)


def _finding(tracks: list[Track]) -> str:
    """How far the controls lie from the runs that they repeat, and independent runs from each other."""
    controls = ", ".join(f"{track.label} {_said(track)}" for track in tracks if track.label != INDEPENDENT)
    own = "".join(_said(track) for track in tracks if track.label == INDEPENDENT)
    against = f", against {own} between independent runs" if own else ""
    return f"From the run with the same levels: {controls}{against}."


def _said(track: Track) -> str:
    quantity = track.points[0].quantity
    return track.text if quantity.value is None else quantity.said


KIND = FigureKind(
    name="controls",
    section="controls",
    panels=panels,
    tables=tables,
    reading=(
        "Circles: two independent runs. Squares: a control run against the run with the same levels. Both are means, "
        "bars their intervals over runs. Training the same levels again should give exactly 0; whatever another "
        "control adds is due to the one thing it changes. Scales that span more than a factor of 50 are logarithmic, "
        "with a place for zero."
    ),
    tables_open=True,
)
