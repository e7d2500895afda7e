"""What the compared conditions were made with, where it differs."""

from __future__ import annotations

from collections.abc import Iterator

from varbench.report.comparisons import environment_rows
from varbench.report.document import Document
from varbench.report.figures.kind import FigureKind
from varbench.report.tables import Column, Table


def tables(document: Document) -> Iterator[Table]:
    """One row for each recipe field, version, device or flag that is not the same everywhere."""
    rows = environment_rows(document)
    several = len({population for population, _, _ in rows}) > 1
    if rows:
        letters = [label.split(" ")[0] for label, _ in rows[0][2]]
        first = (Column("population", "Population"),) if several else ()
        yield Table(
            "environment",
            "What is not the same in all conditions.",
            (*first, Column("what", "What"), *(Column(letter.lower(), letter) for letter in letters)),
            tuple(
                (*([population] if several else []), what, *(value for _, value in values))
                for population, what, values in rows
            ),
        )


KIND = FigureKind(
    name="environment",
    section="environment",
    panels=lambda document: (),
    tables=tables,
    reading="",
    tables_open=True,
)
