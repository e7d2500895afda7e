"""Is the spread of the accuracy more than the test set makes by itself? The SD beside its yardsticks."""

from __future__ import annotations

from collections.abc import Iterator

from varbench.report.document import Condition, Document
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.style import BLUE, GREEN, SOFT
from varbench.report.figures.tracks import Point, Track, track_figure
from varbench.report.tables import Column, Table

OBSERVED = "accuracy_sd"
YARDSTICKS: tuple[tuple[str, str, str, str], ...] = (
    (OBSERVED, "observed, from run to run", BLUE, "o"),
    ("accuracy_sd_independent", "if examples failed independently", SOFT, "D"),
    ("accuracy_sampling_se", "resolution of the test set", SOFT, "s"),
    ("accuracy_sd_distribution", "of the accuracy on all data", GREEN, "^"),
)


def panels(document: Document) -> Iterator[Panel]:
    """One panel for each population of which the SD and at least one yardstick are known, all on one scale."""
    measure = document.measure(OBSERVED)
    known = [(c, _tracks(document, c)) for c in document.populations]
    known = [(c, tracks) for c, tracks in known if len(tracks) > 1 and tracks[0].label == YARDSTICKS[0][1]]
    everything = [track for _, tracks in known for track in tracks]
    for condition, tracks in known:
        figure = track_figure(condition.label, tracks, unit=measure.unit, subtitle=measure.label, scale_of=everything)
        said = "; ".join(f"{track.label}: {track.text}" for track in tracks)
        alt = f"{condition.label}, {measure.label} beside its yardsticks. {said}."
        yield Panel(f"spread--{condition.stem}", figure, _finding(document, condition), alt)


def _finding(document: Document, condition: Condition) -> str:
    """What the differences between the three standard deviations mean, with their numbers; empty without all three."""
    names = (OBSERVED, "accuracy_sd_independent", "accuracy_sd_distribution")
    found = [document.quantity(condition.name, name) for name in names]
    observed, independent, real = (q if q is not None and q.value is not None else None for q in found)
    if observed is None or independent is None or real is None:
        return ""
    begun = (
        f"The accuracy varies by {observed.value_said} (SD) from run to run; if the runs failed on each test example "
        f"independently, it would vary by {independent.value_said}. "
    )
    if not real.value:
        return begun + "Nothing is left over: these runs are not shown to differ on other data."
    rest = f"What is left over, {real.said}, is how much the runs' accuracies would differ on unlimited test data"
    if real.low is not None and real.low <= 0.0:
        return begun + f"{rest}; its interval reaches 0, so it may be nothing."
    return begun + f"{rest}."


def _tracks(document: Document, condition: Condition) -> list[Track]:
    tracks = []
    for name, what, color, marker in YARDSTICKS:
        quantity = document.quantity(condition.name, name)
        if quantity is not None and quantity.value is not None:
            tracks.append(Track(what, quantity.text, (Point(quantity, color, marker),)))
    return tracks


def tables(document: Document) -> Iterator[Table]:
    """One row a population."""
    names = [name for name, *_ in YARDSTICKS if any(r.measure == name for r in document.estimates)]
    rows = []
    for condition in document.populations:
        cells = [document.quantity(condition.name, name) for name in names]
        if any(cells):
            rows.append((condition.label, *cells))
    if rows and len(names) > 1:
        columns = [Column(name, document.measure(name).header) for name in names]
        caption = "Spread of the accuracy from run to run, and what it would be without real differences."
        yield Table("spread", caption, (Column("condition", "Population"), *columns), tuple(rows))


KIND = FigureKind(
    name="spread",
    section="runs",
    panels=panels,
    tables=tables,
    reading=(
        "Each point is a standard deviation, its bar the interval over runs that the table gives. "
        "A finite test set makes equally good models differ in accuracy. Only what the observed SD has beyond the SD "
        "of independently failing examples is a real difference between runs: the SD of the true accuracy."
    ),
)
