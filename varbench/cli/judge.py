"""`varbench judge`: measure and decide, without training."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import Any

import tyro


def judge(rundir: tyro.conf.Positional[Path], json: bool = False, quiet: bool = False) -> int:
    """Measure the populations of a run directory and decide about the claim; trains nothing.

    Example: varbench judge runs/first

    Args:
        rundir: A finished run directory.
        json: Print the whole analysis as JSON.
        quiet: No progress.
    """
    from varbench.cli.progress import shown
    from varbench.studies.judge import judge as judged

    with shown(quiet=quiet) as listen:
        document = judged(rundir, listen=listen)
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
    titles = {study["study"]: study.get("title") or study["study"] for study in document["studies"]}
    labels = {row["condition"]: row["label"] for row in document["conditions"]}
    for verdict in document["verdicts"]:
        if len(titles) > 1 and verdict["condition"]:
            continue
        word = marks.get(verdict["verdict"], f"[yellow]{verdict['verdict']}[/yellow]")
        condition = verdict["condition"]
        what = verdict.get("label") or labels.get(condition) or condition or "the claim"
        name = titles[verdict["study"]] if len(titles) > 1 else what
        about = escape(f"{name}: {verdict['reason']}")
        console.print(f"  {word}  {about}", highlight=False)
