"""Parts that were measured before and stay in the report when another part is measured."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.analysis_race import AnalysisRow, Timed
from benchmarks.speed.race import Result
from benchmarks.speed.report import Row


@dataclass(frozen=True)
class Earlier:
    """What an earlier `speed.json` holds of the parts that are not measured now.

    Attributes:
        rows, analysis, beside: As `report.write` takes them.
        dates: Part → when it was begun.
    """

    rows: tuple[Row, ...] = ()
    analysis: tuple[AnalysisRow, ...] = ()
    beside: dict[str, Any] | None = None
    dates: dict[str, str] | None = None


def earlier(folder: Path, *, measured_now: tuple[str, ...]) -> Earlier:
    """Read what a folder holds from before; nothing where it holds nothing."""
    path = folder / "speed.json"
    if not path.exists():
        return Earlier()
    document = json.loads(path.read_text())
    held = {"training": document["races"], "analysis": document["analysis"], "overheads": document["overheads"]}
    kept = {part: what for part, what in held.items() if what and part not in measured_now}
    begun = document["machine"].get("kept", {})
    return Earlier(
        rows=tuple(_row(row) for row in kept.get("training", ())),
        analysis=tuple(_analysis_row(row) for row in kept.get("analysis", ())),
        beside=kept.get("overheads"),
        dates={part: begun.get(part, document["machine"]["started"]) for part in kept},
    )


def _row(row: dict[str, Any]) -> Row:
    results = tuple(
        Result(**{**r, "seconds": tuple(r["seconds"]), "accuracies": tuple(r["accuracies"])}) for r in row["results"]
    )
    return Row(**{**row, "results": results})


def _analysis_row(row: dict[str, Any]) -> AnalysisRow:
    return AnalysisRow(**{**row, "ours": Timed(**row["ours"]), "peers": tuple(Timed(**peer) for peer in row["peers"])})
