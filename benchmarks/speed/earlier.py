"""What was measured before, and stays in the report until it is measured again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.speed.analysis_race import AnalysisRow, Timed
from benchmarks.speed.ceilings import best
from benchmarks.speed.report import Row
from benchmarks.speed.result import Result
from benchmarks.speed.tasks import TASKS, counted
from varbench.errors import InputError

SAME = ("platform", "kind", "processor", "cores", "versions")
"""What must be as it was for earlier numbers to stand beside new ones."""


@dataclass(frozen=True)
class Earlier:
    """What an earlier `speed.json` holds.

    Attributes:
        rows, analysis, beside, limits: As `report.write` takes them.
        dates: What was measured, and, behind a comma, of which: `training of mlp-32, 8 runs` → when it was begun.
    """

    rows: tuple[Row, ...] = ()
    analysis: tuple[AnalysisRow, ...] = ()
    beside: dict[str, Any] | None = None
    dates: dict[str, str] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)


def earlier(folder: Path, *, about: dict[str, Any]) -> Earlier:
    """Read what a folder holds from before; nothing where it holds nothing.

    Args:
        folder: Of an earlier report.
        about: The machine as it is now.

    Raises:
        InputError: If the file is no such report, or of another machine or other versions; the message says so.
    """
    path = folder / "speed.json"
    if not path.exists():
        return Earlier()
    try:
        document = json.loads(path.read_text())
        machine = document["machine"]
        rows = tuple(map(_row, document["races"]))
        analysis = tuple(map(_analysis_row, document["analysis"]))
        beside, started, begun = document["overheads"], machine["started"], machine.get("kept", {})
        limits = best({str(name): float(rate) for name, rate in document["limits"].items()}, *map(_limit, rows))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} holds no report to add to ({type(error).__name__}: {error})") from None
    for name in SAME:
        if machine.get(name) != about[name]:
            raise InputError(
                f"{path} was measured with {name} {machine.get(name)}, and here it is {about[name]}: give another --out"
            )
    names = names_of(rows, analysis, beside)
    return Earlier(rows, analysis, beside, {name: begun.get(name, started) for name in names}, limits)


def names_of(rows: Iterable[Row], analysis: Iterable[AnalysisRow], beside: dict[str, Any] | None) -> list[str]:
    """What was measured by name, as in `Earlier.dates`."""
    names = [f"training of {row.task}, {counted(row.runs)}" for row in rows]
    names += dict.fromkeys(f"analysis, {row.case}" for row in analysis)
    return [*names, *(["overheads"] if beside else [])]


def _limit(row: Row) -> dict[str, float]:
    return {TASKS[row.task].precision if row.bound == "arithmetic" else "bytes": row.limit}


def _row(row: dict[str, Any]) -> Row:
    results = tuple(
        Result(**{name: tuple(value) if isinstance(value, list) else value for name, value in each.items()})
        for each in row["results"]
    )
    return Row(**{**row, "results": results})


def _analysis_row(row: dict[str, Any]) -> AnalysisRow:
    return AnalysisRow(**{**row, "ours": Timed(**row["ours"]), "peers": tuple(Timed(**peer) for peer in row["peers"])})
