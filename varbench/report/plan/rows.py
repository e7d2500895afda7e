"""The tables of a plan as text, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from varbench.report.numbers import integer


def needed_rows(plan: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Runs and how they were reckoned."""
    return [(integer(entry["runs"]), entry["meaning"]) for entry in plan["needed"]]


def shown_columns(plan: Mapping[str, Any]) -> list[str]:
    """Heads of the columns of what runs show: `64 runs (pilot)`, `128 runs`."""
    pilot = plan["basis"]["pilot_runs"]
    counts = plan["shown"][0]["runs"] if plan["shown"] else []
    return [f"{integer(n)} runs{' (pilot)' if n == pilot else ''}" for n in counts]


def shown_rows(plan: Mapping[str, Any]) -> list[list[str]]:
    """A quantity and what each number of runs shows of it."""
    return [[row["meaning"], *row["texts"]] for row in plan["shown"]]
