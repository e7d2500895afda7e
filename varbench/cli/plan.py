"""`varbench plan`: how many runs a goal needs, and what a number of runs can show."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import Any

import tyro


def plan(
    pilot: tyro.conf.Positional[Path | None] = None,
    sd: str | None = None,
    difference: str | None = None,
    width: str | None = None,
    probability: float | None = None,
    runs: int | None = None,
    paired: bool = False,
    power: float | None = None,
    alpha: float = 0.05,
    comparisons: int = 1,
    measure: str | None = None,
    condition: str | None = None,
    against: str | None = None,
    other_sd: str | None = None,
    sd_runs: int | None = None,
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Say how many runs a goal needs, or what a number of runs can show; trains nothing.

    Example: varbench plan --sd 0.149pp --difference 0.1pp

    Amounts are written 0.1pp, 0.5% or 0.02nats. A bare number is in the measure's stored unit with a pilot (fractions:
    0.001 is 0.1pp), and in the unit of the other bare numbers with --sd. Give one goal; without one, a pilot is
    answered by what its runs show and what more of them would.

    Args:
        pilot: A run directory, a report folder or its analysis.json, or a file of results (.npz, .csv, .parquet).
        sd: Standard deviation over runs, in place of a pilot; with --paired, of the differences of matched runs.
        difference: Goal: see a difference of this size between the means of two pipelines.
        width: Goal: an interval this wide from end to end.
        probability: Goal: see that A is better where a run of A beats a run of B this often, above 0.5.
        runs: What so many runs show.
        paired: The runs of the two pipelines are matched one by one (same data order, say); a pilot then has two
            conditions with the same levels.
        power: Chance to see what is there; default 0.8 for a difference, 0.95 for --probability.
        alpha: Chance of a false alarm; intervals have 1 − alpha.
        comparisons: How many comparisons will be made; each is then tested at alpha over this number (Holm).
        measure: What the goal is about, such as accuracy, accuracy_sd or disagreement; without a pilot, mean or sd.
        condition: Which population of the pilot; default the first.
        against: With --paired, the population whose runs are matched with its; default the other of two.
        other_sd: Standard deviation of the other pipeline, where it is another one.
        sd_runs: How many runs --sd was taken from, to reckon with its uncertainty.
        out: Write a page, the curve as SVG and PDF, and its points as CSV into this folder.
        json: Print everything as JSON.
    """
    from varbench.api import plan as planned

    document = planned(
        pilot,
        sd=sd,
        difference=difference,
        width=width,
        probability=probability,
        runs=runs,
        paired=paired,
        power=power,
        alpha=alpha,
        comparisons=comparisons,
        measure=measure,
        condition=condition,
        against=against,
        other_sd=other_sd,
        sd_runs=sd_runs,
        out=out,
    )
    if json:
        print(json_.dumps(document, indent=1, sort_keys=True, ensure_ascii=False))
    else:
        _print(document)
        if out is not None:
            print(f"\nThe page: {out / 'index.html'}")
    return 0


def _print(document: dict[str, Any]) -> None:
    """The answer, the table and what it rests on."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from varbench.report.plan.rows import needed_rows, shown_columns, shown_rows

    console = Console()
    console.print(f"\n[bold]{escape(document['answer'])}[/bold]\n", highlight=False)
    table = Table(box=None, header_style="dim", pad_edge=False)
    if document["needed"]:
        table.add_column("runs", justify="right")
        table.add_column("how it was reckoned", overflow="fold")
        for count, how in needed_rows(document):
            table.add_row(count, escape(how))
    else:
        table.add_column("")
        for heading in shown_columns(document):
            table.add_column(heading, justify="right")
        for row in shown_rows(document):
            table.add_row(*map(escape, row))
    console.print(table)
    console.print()
    for note in document["notes"]:
        console.print(f"[dim]{escape(note)}[/dim]", highlight=False)
