"""`varbench judge`: measure and decide, without training."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import Any

import tyro


def judge(rundir: tyro.conf.Positional[Path], json: bool = False) -> int:
    """Measure the populations of a run directory and decide about the claim; trains nothing.

    Example: varbench judge runs/first

    Args:
        rundir: A finished run directory.
        json: Print the whole analysis as JSON.
    """
    from varbench.studies.judge import judge as judged

    document = judged(rundir)
    if json:
        print(json_.dumps(document, indent=1, sort_keys=True))
    else:
        print_verdicts(document)
    return 0


def print_verdicts(document: dict[str, Any]) -> None:
    """Headline and verdicts on the terminal."""
    from rich.console import Console
    from rich.markup import escape

    console = Console()
    marks = {"supported": "[green]supported[/green]", "contradicted": "[red]contradicted[/red]"}
    console.print(f"\n[bold]{escape(document['headline'])}[/bold]", highlight=False)
    for verdict in document["verdicts"]:
        word = marks.get(verdict["verdict"], f"[yellow]{verdict['verdict']}[/yellow]")
        about = escape(f"{verdict['condition'] or 'the claim'}: {verdict['reason']}")
        console.print(f"  {word}  {about}", highlight=False)
