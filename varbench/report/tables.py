"""Tables as data, and their three written forms: CSV as the document has them, Markdown and LaTeX for reading."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from varbench.report.escape import latex, markdown
from varbench.report.numbers import Quantity, integer, number, plus

Cell = str | int | float | bool | Quantity | None
READABLE_ROWS = 200
"""Rows of a table that are shown in the page; of a longer one, which nobody reads there, only the first few are."""
FEW_ROWS = 20
LARGEST_WRITTEN = 400
"""Rows of what is drawn, such as the points of curves, that are written twice: in `analysis.json` and as CSV."""
PRINTED_ROWS = 40
"""A table of more rows fits no printed page: it is written as CSV alone."""
WIDEST = 6  # columns that fit on a printed page


@dataclass(frozen=True)
class Column:
    """One column: `key` heads the CSV, `header` the readable forms; `unit` shows plain numbers, `signed` a plus."""

    key: str
    header: str
    unit: str = ""
    signed: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells. `digest` is the shorter table people read where the full one is only for machines.

    Beyond `most` rows a reader sees the first few. `source` says where in `analysis.json` all rows are; a long table
    with a source is written as its digest.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    digest: Table | None = None
    source: str = ""
    most: int = READABLE_ROWS

    @property
    def written(self) -> Table:
        """What the CSV file holds: all rows, or the digest where they are many and `analysis.json` has them."""
        return self.digest if self.digest and self.source and len(self.rows) > LARGEST_WRITTEN else self

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.rows} - {len(self.columns)}
        if widths:
            raise ValueError(f"table {self.name!r}: rows of {sorted(widths)} cells, {len(self.columns)} columns")


@dataclass(frozen=True)
class ReadableCell:
    """`text` (and `detail`, the interval) as shown; `mark` refers to a note under the table."""

    text: str
    detail: str = ""
    mark: str = ""
    is_number: bool = False

    @property
    def line(self) -> str:
        return " ".join(part for part in (self.text, self.detail) if part)


@dataclass(frozen=True)
class ReadableTable:
    """A table as text: what the page, the Markdown and the LaTeX forms are written from."""

    name: str
    caption: str
    headers: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[ReadableCell, ...], ...]
    notes: tuple[tuple[str, str], ...]
    n_rows: int
    source: str = ""

    @property
    def remainder(self) -> str:
        """A sentence on the rows left out, or an empty string."""
        if self.source:
            return f"Every point that is drawn: {self.source} in analysis.json."
        if len(self.rows) == self.n_rows:
            return ""
        return f"The first {len(self.rows)} of {integer(self.n_rows)} rows; all of them in {self.name}.csv."


def readable(table: Table) -> ReadableTable:
    """The digest (or the table itself) as text, cut where it is long, reasons for missing values as notes.

    Columns in which no row has anything, nor a reason why not, are left out.
    """
    source = _without_empty_columns(table.digest or table)
    limit = source.most if len(source.rows) <= source.most else FEW_ROWS
    marks: dict[str, str] = {}
    rows = tuple(
        tuple(_read(cell, column, marks) for cell, column in zip(row, source.columns, strict=True))
        for row in islice(source.rows, limit)
    )
    return ReadableTable(
        name=table.name,
        caption=source.caption,
        headers=tuple(column.header for column in source.columns),
        numeric=tuple(_is_numeric(source, index) for index in range(len(source.columns))),
        rows=rows,
        notes=tuple((mark, reason) for reason, mark in marks.items()),
        n_rows=len(source.rows),
        source=table.source if table.written is not table else "",
    )


def _without_empty_columns(table: Table) -> Table:
    kept = [
        i for i in range(len(table.columns)) if not table.rows or i == 0 or any(_says(row[i]) for row in table.rows)
    ]
    columns = tuple(table.columns[i] for i in kept)
    return replace(table, columns=columns, rows=tuple(tuple(row[i] for i in kept) for row in table.rows))


def _says(cell: Cell) -> bool:
    """Whether a cell has a value, or says why it has none."""
    return bool(cell.reason) or cell.value is not None if isinstance(cell, Quantity) else cell not in (None, "", "—")


def is_printed(table: ReadableTable) -> bool:
    """Whether the table is also written as Markdown and LaTeX."""
    return table.n_rows <= PRINTED_ROWS


def to_csv(table: Table) -> str:
    """All rows, numbers in full; a quantity takes four columns: value, low, high, reason."""
    quantities = [any(isinstance(row[i], Quantity) for row in table.rows) for i in range(len(table.columns))]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    header: list[str] = []
    for column, wide in zip(table.columns, quantities, strict=True):
        header += [column.key, *(f"{column.key}_{part}" for part in ("low", "high", "reason") if wide)]
    writer.writerow(header)
    for row in table.rows:
        cells: list[object] = []
        for cell, wide in zip(row, quantities, strict=True):
            cells += _csv_cells(cell, wide=wide)
        writer.writerow(cells)
    return buffer.getvalue()


def to_markdown(table: ReadableTable) -> str:
    """A pipe table with its caption above and its notes below."""
    rule = ["---:" if numeric else ":---" for numeric in table.numeric]
    lines = [f"*{markdown(table.caption)}*", ""] if table.caption else []
    lines += [_pipe([markdown(header) for header in table.headers]), _pipe(rule)]
    lines += [_pipe([markdown(cell.line) + _parenthesis(cell.mark) for cell in row]) for row in table.rows]
    notes = [f"{mark}: {markdown(text)}" for mark, text in table.notes]
    notes += [str(markdown(table.remainder))] if table.remainder else []
    return "\n".join(lines + ([""] if notes else []) + ["  \n".join(notes)] * bool(notes)) + "\n"


def to_latex(table: ReadableTable) -> str:
    """A booktabs table: no vertical rules, numbers to the right, notes in a line below; wide ones are turned."""
    table = _turned(table) if _is_wide(table) else table
    alignment = "".join("r" if numeric else "l" for numeric in table.numeric)
    lines = [
        r"% \usepackage{booktabs,amssymb}",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{latex(table.caption)}}}",
        rf"  \label{{tab:{table.name}}}",
        rf"  \begin{{tabular}}{{@{{}}{alignment}@{{}}}}",
        r"    \toprule",
        f"    {_ampersand([latex(header) for header in table.headers])}",
        r"    \midrule",
    ]
    for row in table.rows:
        cells = [latex(cell.line) + (rf"\textsuperscript{{{cell.mark}}}" if cell.mark else "") for cell in row]
        lines.append(f"    {_ampersand(cells)}")
    lines += [r"    \bottomrule", r"  \end{tabular}"]
    notes = [rf"\textsuperscript{{{mark}}} {latex(text)}" for mark, text in table.notes]
    notes += [latex(table.remainder)] if table.remainder else []
    lines += [rf"  \par\smallskip\footnotesize {' '.join(notes)}"] if notes else []
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _is_wide(table: ReadableTable) -> bool:
    """Whether a page would hold the rows side by side rather than the columns."""
    return len(table.headers) > WIDEST and len(table.rows) < WIDEST and sum(table.numeric) >= len(table.headers) - 2


def _turned(table: ReadableTable) -> ReadableTable:
    columns = list(zip(*table.rows, strict=True))
    rows = [(ReadableCell(header), *cells) for header, cells in zip(table.headers[1:], columns[1:], strict=True)]
    headers = ("", *(cell.line for cell in columns[0]))
    numeric = (False, *[True] * len(columns[0]))
    return replace(table, headers=headers, numeric=numeric, rows=tuple(rows), n_rows=len(rows))


def _read(cell: Cell, column: Column, marks: dict[str, str]) -> ReadableCell:
    if isinstance(cell, Quantity):
        mark = marks.setdefault(cell.reason, _letter(len(marks))) if cell.reason else ""
        sign = plus(cell) if column.signed else ""
        return ReadableCell(f"{sign}{cell.value_text}", cell.interval_text, mark, is_number=True)
    if cell is None:
        return ReadableCell("—")
    if isinstance(cell, bool):
        return ReadableCell("yes" if cell else "no")
    if isinstance(cell, int):
        return ReadableCell(integer(cell) if column.unit == "count" else str(cell), is_number=True)
    if isinstance(cell, float):
        return ReadableCell(number(cell, column.unit), is_number=True)
    return ReadableCell(cell)


def _is_numeric(table: Table, index: int) -> bool:
    cells = [row[index] for row in table.rows if row[index] is not None]
    return bool(cells) and all(isinstance(c, int | float | Quantity) and not isinstance(c, bool) for c in cells)


def _csv_cells(cell: Cell, *, wide: bool) -> list[object]:
    if isinstance(cell, Quantity):
        return [*map(_exact, (cell.value, cell.low, cell.high)), cell.reason]
    return [_exact(cell), *([""] * 3 if wide else [])]


def _exact(cell: Cell) -> object:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return repr(cell) if isinstance(cell, float) else cell


def _letter(index: int) -> str:
    """a, b, …, z, aa, ab, …"""
    prefix = _letter(index // 26 - 1) if index >= 26 else ""
    return prefix + chr(ord("a") + index % 26)


def _parenthesis(mark: str) -> str:
    return f" ({mark})" if mark else ""


def _pipe(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _ampersand(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"
