"""What was measured before and stays in the report when something else is measured: parts, and tasks of training."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.analysis_race import AnalysisRow, Timed
from benchmarks.speed.race import Result
from benchmarks.speed.report import Row


@dataclass(frozen=True)
class Earlier:
    """What an earlier `speed.json` holds of what is not measured now.

    Attributes:
        rows, analysis, beside: As `report.write` takes them.
        dates: Part, or task of training → when it was begun.
    """

    rows: tuple[Row, ...] = ()
    analysis: tuple[AnalysisRow, ...] = ()
    beside: dict[str, Any] | None = None
    dates: dict[str, str] | None = None


def earlier(folder: Path, *, measured_now: tuple[str, ...], raced: Collection[str] = ()) -> Earlier:
    """Read what a folder holds from before; nothing where it holds nothing.

    Args:
        folder: Of an earlier report.
        measured_now: Parts.
        raced: Of the part "training", the tasks that are measured now.
    """
    path = folder / "speed.json"
    if not path.exists():
        return Earlier()
    document = json.loads(path.read_text())
    held = {"analysis": document["analysis"], "overheads": document["overheads"]}
    kept = {part: what for part, what in held.items() if what and part not in measured_now}
    rows = [row for row in document["races"] if "training" not in measured_now or row["task"] not in raced]
    begun = document["machine"].get("kept", {})
    names = [*(f"training of {task}" for task in dict.fromkeys(row["task"] for row in rows)), *kept]
    return Earlier(
        rows=tuple(map(_row, rows)),
        analysis=tuple(_analysis_row(row) for row in kept.get("analysis", ())),
        beside=kept.get("overheads"),
        dates={name: begun.get(name, document["machine"]["started"]) for name in names},
    )


def _row(row: dict[str, Any]) -> Row:
    results = tuple(
        Result(**{**r, "seconds": tuple(r["seconds"]), "accuracies": tuple(r["accuracies"])}) for r in row["results"]
    )
    return Row(**{**row, "results": results})


def _analysis_row(row: dict[str, Any]) -> AnalysisRow:
    return AnalysisRow(**{**row, "ours": Timed(**row["ours"]), "peers": tuple(Timed(**peer) for peer in row["peers"])})
