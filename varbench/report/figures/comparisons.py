"""Differences of two conditions: what changed by how much, how surely, and how many predictions with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from varbench.report.comparisons import CHURN, Difference, Pair, churn_row, examples_said, pairs, signed
from varbench.report.document import Document, file_stem
from varbench.report.figures.kind import FigureKind, Panel
from varbench.report.figures.style import BLUE
from varbench.report.figures.tracks import Point, Track, track_figure
from varbench.report.numbers import Quantity
from varbench.report.tables import Cell, Column, Table

DRAWN = (("pp", "Differences of fractions"), ("nats", "Differences in nats"))


def panels(document: Document) -> Iterator[Panel]:
    """Differences of the main measures by unit, and P(A > B)."""
    for pair in pairs(document):
        for unit, what in DRAWN:
            rows = [row for row in pair.main if row.gap.unit == unit and row.gap.value is not None]
            if rows:
                tracks = [Track(row.label, signed(row.gap), (Point(row.gap, BLUE, "o"),)) for row in rows]
                yield _panel(pair, what, unit, tracks, reference=0.0)
        chances = [(row.label, row.improvement) for row in pair.main if row.improvement is not None]
        tracks = [Track(label, q.text, (Point(q, BLUE, "D"),)) for label, q in chances if q.value is not None]
        if tracks:
            yield _panel(pair, _chance(pair), "probability", tracks, reference=0.5)


def tables(document: Document) -> Iterator[Table]:
    """The main measures of each two conditions, and all churn."""
    shown = pairs(document)
    for pair in shown:
        if pair.main:
            yield _readable(pair, f"main-differences--{file_stem(pair.name)}", pair.main)
    churned = [(pair, churn_row(document, pair)) for pair in shown]
    rows = [(f"{pair.a.label} → {pair.b.label}", *cells) for pair, cells in churned if any(cells)]
    yield from between_tables(document)
    if rows:
        columns = [Column(name, document.measure(name).header) for name in CHURN]
        caption = f"Predictions that change. {examples_said(shown)}".strip()
        yield Table("churn", caption, (Column("pair", "From → to"), *columns), tuple(rows))


STATEMENTS = {
    "accuracy_sd_ratio": "SD of test accuracy, {b} over {a}",
    "accuracy_on_new_examples": "Test accuracy, {b} − {a}, for other test examples too",
    "disagreement_between": "Disagreement of {a} with {b}, beyond that of two runs of the same",
}
BETWEEN = (
    "What each two conditions say together. The ratio of spreads takes the runs as independent (Brown–Forsythe test). "
    "The difference for other test examples holds for other runs on another test set of this size. The disagreement is "
    "tested by dealing the runs out anew (PERMANOVA), or, where runs of the same levels are matched, by swapping "
    "some matches, which do not count themselves: a small p says that the conditions differ more than the runs within "
    "them do. These p values are not adjusted."
)


def between_tables(document: Document) -> Iterator[Table]:
    """Ratio of spreads, the difference on other examples, and whether predictions differ more than runs do."""
    letters = {(pair.a.name, pair.b.name): pair.letters for pair in pairs(document)}
    rows = []
    for entry in document.items("between"):
        place = (str(entry["a"]), str(entry["b"]))
        a, b = letters.get(place, place)
        said = STATEMENTS[str(entry["name"])].format(a=a, b=b)
        test, unit = entry.get("test") or {}, str(entry["unit"])
        value = Quantity(entry.get("value"), entry.get("low"), entry.get("high"), unit, str(entry.get("reason") or ""))
        methods = [str(part.get("method") or "") for part in (entry, test)]
        rows.append(
            (
                " → ".join(place),
                said,
                value,
                test.get("p"),
                "; ".join(m for m in methods if m not in ("", "none")),
            )
        )
    if rows:
        heads = {"pair": "Conditions", "what": "What", "value": "Value", "p": "p", "method": "Method"}
        yield Table("between", BETWEEN, tuple(Column(key, head) for key, head in heads.items()), tuple(rows))


def every_table(document: Document) -> Iterator[Table]:
    """All measures of each two conditions, for machines with their positions, curves and layers too."""
    columns = (
        Column("measure", "Measure"),
        Column("at", "At"),
        Column("value_a", "A"),
        Column("value_b", "B"),
        Column("difference", "B − A", signed=True),
        Column("p", "p"),
        Column("p_holm", "p (Holm)"),
        Column("probability_of_improvement", "P(A better)"),
        Column("paired", "Paired"),
        Column("method", "Interval"),
        Column("n_runs", "Runs", "count"),
    )
    for pair in filter(lambda pair: pair.differences, pairs(document)):
        name = f"differences--{file_stem(pair.name)}"
        rows = tuple(
            (
                row.measure, _at(row), row.value_a, row.value_b, row.gap, row.p, row.p_holm, row.improvement,
                row.paired, row.method, row.n_runs,
            )
            for row in pair.differences
        )  # fmt: skip
        digest = _readable(pair, name, [row for row in pair.differences if row.at is None])
        yield Table(name, digest.caption, columns, rows, digest)


def _chance(pair: Pair) -> str:
    return f"P({pair.letters[0]} better)"


def _panel(pair: Pair, what: str, unit: str, tracks: list[Track], *, reference: float) -> Panel:
    figure = track_figure(what, tracks, unit=unit, reference=reference)
    said = "; ".join(f"{track.label}: {track.text}" for track in tracks)
    name = f"comparisons-{unit}--{file_stem(pair.name)}"
    a, b = pair.letters
    drawn = f"{what} between {a} and {b}, {b} − {a}" if reference == 0.0 else f"How likely a run of {a} is better"
    return Panel(name, figure, f"{drawn}; bars: intervals over runs.", f"{pair.title}, {what}. {said}.", pair.title)


def _readable(pair: Pair, name: str, rows: Sequence[Difference]) -> Table:
    """Values, difference, p values and P(A > B) of some measures, and how they were made."""
    a, b = pair.letters
    return Table(
        name,
        f"{pair.title}. {_caption(pair, rows)}",
        (
            Column("measure", "Measure"),
            Column("value_a", a),
            Column("value_b", b),
            Column("difference", f"{b} − {a}", signed=True),
            Column("p", "p"),
            Column("p_holm", "p (Holm)"),
            Column("probability_of_improvement", _chance(pair)),
        ),
        tuple((row.label, row.value_a, row.value_b, row.gap, row.p, row.p_holm, row.improvement) for row in rows),
    )


def _caption(pair: Pair, rows: Sequence[Difference]) -> str:
    """Methods of the differences, and what the p values are."""
    methods: dict[str, list[str]] = {}
    for row in rows:
        if row.gap.low is not None:
            methods.setdefault(row.method, []).append(row.label.rstrip(" ↑↓"))
    told = "; ".join(
        f"{method} ({', '.join(labels)})" if len(labels) <= 4 else f"{method} ({len(labels)} measures)"
        for method, labels in methods.items()
    )
    paired = [row.label.rstrip(" ↑↓") for row in rows if row.paired and row.gap.value is not None]
    tested = sum(row.p is not None and row.at is None for row in pair.differences)
    sentence = (
        f"Intervals of the differences: {told or 'none'}. {_pairing(paired, len(rows))} p values are two-sided; Holm's "
        f"are adjusted over the {tested} measures without a position, of all comparisons on this page together."
    )
    matched = [row.paired for row in rows if row.improvement is not None]
    if matched:
        a, b = pair.letters
        other = f"the run of {b} with the same levels" if all(matched) else f"one of {b}"
        sentence += (
            f" {_chance(pair)}: how likely a run of {a} is better than {other}, ties half (where neither direction is "
            "better, larger)."
        )
    return sentence


def _pairing(paired: Sequence[str], total: int) -> str:
    """Of which measures runs with the same levels were compared with each other, and what holds for the others."""
    if not paired:
        return "No runs are paired: the two count as independent."
    if len(paired) == total:
        return "Runs of the same levels are paired, so what they share cancels."
    return (
        f"Runs of the same levels are paired for {', '.join(paired)}, so what they share cancels; for the others the "
        "two count as independent, and where matched runs share much, their intervals are too wide."
    )


def _at(row: Difference) -> Cell:
    return row.at if row.at is None or isinstance(row.at, str) else f"{row.at:g}"


KIND = FigureKind(
    name="comparisons",
    section="comparisons",
    panels=panels,
    tables=tables,
    reading=(
        "Circles: the difference of the two conditions' means over runs, or of their spreads, in the unit of the "
        "axis; bars: its interval, by the method that the table names. Left of the tick the first condition has more,"
        " right of it the second. Diamonds: how likely a run of the first is better than a run of the second, the one "
        "with the same levels where runs are paired; at 0.5 neither is."
    ),
    tables_open=True,
)

EVERY = FigureKind(
    name="differences", section="comparisons", panels=lambda document: (), tables=every_table, reading=""
)
