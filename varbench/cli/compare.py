"""`varbench compare`: conditions side by side."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

if TYPE_CHECKING:
    from rich.console import Console

    from varbench.report.comparisons import Pair
    from varbench.report.document import Document


WIDTH = 110
"""Columns of the table where the output is no terminal."""


def compare(
    conditions: tyro.conf.Positional[tuple[Path, ...]],
    out: Path,
    population: str | None = None,
    measure: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    json: bool = False,
) -> int:
    """Put runs or reports side by side: every measure with its difference, interval and p value; trains nothing.

    Example: varbench compare runs/sgd runs/adam --out reports/sgd-adam

    Args:
        conditions: Two or more run directories, folders of single populations, report folders, or files of results
            (.npz, .csv, .parquet); the first is A, and the others are compared with it. A single one is enough where
            it has several conditions. Test examples with names (example_id) are matched by them.
        out: Report folder; files of an older report in it are replaced.
        population: Compare this population alone, where there are several.
        measure: Compare this measure alone; may be given again. Fewer measures, named beforehand, are adjusted less.
        json: Print the whole analysis as JSON.
    """
    from varbench.api import compare as compared
    from varbench.report.document import read_document

    document = compared(*conditions, out=out, population=population, measures=measure or None)
    if json:
        print(json_.dumps(document, indent=1, sort_keys=True))
    else:
        _print(read_document(document))
        print(f"\nThe page: {out / 'index.html'}")
    return 0


def _print(document: Document) -> None:
    """Headline, a table of the main measures for each comparison, churn, and what the conditions were made with."""
    from rich.console import Console
    from rich.markup import escape

    from varbench.report.comparisons import environment_rows, pairs
    from varbench.report.overview import unavailable_table

    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(f"\n[bold]{escape(document.text('headline'))}[/bold]", highlight=False, soft_wrap=True)
    for pair in pairs(document):
        _print_pair(console, document, pair)
    differing = environment_rows(document)
    if differing:
        console.print("\nWhat they were made with differs in:", highlight=False)
    for _, what, values in differing:
        told = ", ".join(f"{name.split(' ')[0]} {value[:40]}" for name, value in values)
        console.print(f"  [dim]{escape(what)}:[/dim] {escape(told)}", highlight=False, soft_wrap=True)
    table = unavailable_table(document)
    for measures, conditions, reason in () if table is None else table.rows:
        told = f"{measures} ({conditions}): {reason}."
        console.print(f"\n[dim]Not measured:[/dim] {escape(told)}", highlight=False, soft_wrap=True)


def _print_pair(console: Console, document: Document, pair: Pair) -> None:
    from rich.markup import escape
    from rich.table import Table

    from varbench.report.comparisons import CHURN, churn_row, p_text, signed

    a, b = pair.letters
    table = Table(title=escape(pair.title), title_justify="left", title_style="bold", box=None, header_style="dim")
    table.add_column("")
    for column in (a, b, f"{b} − {a}", "p (Holm)", f"P({a} better)"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in pair.main:
        chance = "" if row.improvement is None else row.improvement.text
        values = (row.value_a.value_text, row.value_b.value_text, signed(row.gap))
        table.add_row(escape(row.label), *values, p_text(row.p_holm), chance)
    console.print()
    if pair.main:
        console.print(table)
    churned = [
        f"{document.measure(name).inline} {quantity.text}"
        for name, quantity in zip(CHURN, churn_row(document, pair), strict=True)
        if quantity is not None and quantity.value is not None
    ]
    if churned:
        console.print(f"  {pair.name}: {', '.join(churned)}", highlight=False, markup=False, soft_wrap=True)
        console.print(f"  {pair.examples}", style="dim", highlight=False, markup=False, soft_wrap=True)
