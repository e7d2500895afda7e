"""`varbench list` and `varbench status`."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import Any

import tyro

from varbench.errors import InputError
from varbench.refusals import cause

LONG = ("source", "checksum")
"""Columns that are in the JSON alone; `varbench data` shows them too."""


def list_(json: bool = False) -> int:
    """Show the studies, data sets, models, measures and sources of randomness.

    Example: varbench list --json

    Args:
        json: Print as JSON.
    """
    content = catalogue()
    if json:
        print(json_.dumps(content, indent=1))
        return 0
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for heading, rows in content.items():
        table = Table(title=heading, title_justify="left", title_style="bold", box=None, header_style="dim")
        columns = [column for column in rows[0] if column not in LONG]
        for column in columns:
            table.add_column(column, overflow="fold", no_wrap=column == "name")
        for row in rows:
            table.add_row(*(_cell(row[column]) for column in columns))
        console.print(table)
        console.print()
    return 0


def catalogue() -> dict[str, list[dict[str, Any]]]:
    """Everything that has a name, as rows."""
    from varbench.analysis.catalogue import MEASURES
    from varbench.data import DATASETS
    from varbench.data.variants import VARIANTS
    from varbench.keys import SOURCE_MEANINGS
    from varbench.models import MODELS
    from varbench.studies.registry import STUDIES

    return {
        "studies": [{"name": name, "claim": claim} for name, (_, claim) in STUDIES.items()],
        "datasets": [
            {
                "name": d.name,
                "shape": list(d.shape),
                "train": d.n_train,
                "test": d.n_test,
                "classes": d.classes,
                "license": d.license,
                "download": d.needs_download,
                "source": d.source,
                "checksum": d.checksum,
            }
            for d in DATASETS.values()
        ],
        "variants": [{"name": f"+{v.name}:NUMBER", "meaning": v.meaning} for v in VARIANTS.values()],
        "models": [{"name": m.name, "meaning": m.meaning} for m in MODELS.values()],
        "measures": [
            {"name": name, "unit": m.unit, "better": m.better, "meaning": m.meaning} for name, m in MEASURES.items()
        ],
        "sources": [{"name": name, "meaning": meaning} for name, meaning in SOURCE_MEANINGS.items()],
    }


def status(rundir: tyro.conf.Positional[Path], json: bool = False) -> int:
    """Show how far a run directory is: runs planned, finished, diverged, experiments made, broken files.

    Example: varbench status runs/first

    Args:
        rundir: A run directory.
        json: Print as JSON.
    """
    from varbench.studies.experiments import is_made
    from varbench.studies.request import broken_recipe_file, continued, read_study, request_of

    record = read_study(rundir)
    request = request_of(rundir)
    experiments = {e.name: is_made(rundir, e) for study in request.studies for e in request.experiments(study)}
    rows = [_progress(rundir, name) for name in record["populations"]]
    broken = broken_recipe_file(rundir)
    if json:
        found = {
            "command": record["command"],
            "broken_files": broken,
            "populations": rows,
            "experiments": [{"experiment": name, "made": there} for name, there in experiments.items()],
        }
        print(json_.dumps(found, indent=1))
        return 0
    for row in rows:
        if row["unreadable"]:
            print(f"{row['population']}: {row['unreadable']}")
            continue
        planned = "not started" if row["planned"] is None else f"{row['finished']}/{row['planned']} runs"
        extra = f", {row['diverged']} diverged" if row["diverged"] else ""
        extra += f", {len(row['broken_files'])} files broken" if row["broken_files"] else ""
        print(f"{row['population']}: {planned}{extra}")
    for name, there in experiments.items():
        print(f"{name}: {'made' if there else 'not made yet'} (an experiment)")
    for name in broken:
        print(f"{name} is missing or its bytes have changed: restore it")
    print(f"continue with: {continued(record['command'], rundir)}")
    return 0


def _progress(rundir: Path, name: str) -> dict[str, Any]:
    """How far a population is; what cannot be read says why and keeps nobody from seeing the others."""
    from varbench.store import PopulationStore

    place = rundir / name
    row: dict[str, Any] = {"population": name, "planned": None, "finished": 0, "diverged": 0}
    row |= {"broken_files": [], "unreadable": None}
    try:
        if not (place / "manifest.json").exists():
            return row
        store = PopulationStore.open(place)
        runs = [run["status"] for commit in store.commits.values() for run in commit["runs"]]
        return row | {
            "planned": len(store.manifest["levels"]),
            "finished": runs.count("finished"),
            "diverged": runs.count("diverged"),
            "broken_files": store.broken_files(),
        }
    except OSError as error:
        return row | {"unreadable": f"{error.filename or place}: {cause(error) or error.strerror}"}
    except InputError as error:
        return row | {"unreadable": str(error)}


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " × ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
