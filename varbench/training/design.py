"""Designs: which levels of which sources are run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from varbench.errors import InputError
from varbench.keys import SOURCES
from varbench.training.recipe import WHAT_ACTIVATES, Recipe

Levels = dict[str, int]
"""One run's level on every source."""


@dataclass(frozen=True)
class Design:
    """The runs of a population, as one level per source and run.

    Attributes:
        kind: "together", "one at a time", "crossed" or "replicated".
        sources: The sources that vary.
        levels: One complete mapping from source to level per run, in order.
    """

    kind: str
    sources: tuple[str, ...]
    levels: tuple[Levels, ...]

    def __len__(self) -> int:
        return len(self.levels)

    def column(self, source: str) -> np.ndarray:
        """The levels [R] of one source."""
        return np.array([levels[source] for levels in self.levels], dtype=np.int64)

    def as_dict(self) -> dict[str, Any]:
        """Kind, sources and number of runs, for manifests and reports."""
        return {"kind": self.kind, "sources": list(self.sources), "runs": len(self)}


def together(runs: int, *, sources: Sequence[str]) -> Design:
    """All sources at once: run r has level r on each of them. More runs leave the first ones as they were.

    Args:
        runs: Number of runs, at least 1.
        sources: Sources that vary; the others stay at level 0.
    """
    _check(runs, sources)
    return Design("together", tuple(sources), tuple(_levels(dict.fromkeys(sources, r)) for r in range(runs)))


def one_at_a_time(runs: int, *, sources: Sequence[str]) -> Design:
    """For each source in turn, `runs` runs in which it alone varies; the shared baseline (all 0) comes once."""
    _check(runs, sources)
    rows = [_levels({})]
    rows += [_levels({source: r}) for source in sources for r in range(1, runs)]
    return Design("one at a time", tuple(sources), tuple(rows))


def crossed(counts: Mapping[str, int]) -> Design:
    """Every combination of levels, e.g. `crossed({"init": 8, "order": 8})`; the last source varies fastest."""
    for source, count in counts.items():
        _check(count, [source])
    grid = itertools.product(*(range(count) for count in counts.values()))
    return Design("crossed", tuple(counts), tuple(_levels(dict(zip(counts, cell, strict=True))) for cell in grid))


def replicated(design: Design, times: int, *, over: Sequence[str]) -> Design:
    """Each cell of a design `times` times, with the sources `over` at a level of their own in every run.

    Raises:
        InputError: If a source of `over` varies in the design already, or none is given.
    """
    _check(times, over)
    if not over or set(over) & set(design.sources):
        raise InputError(f"replicates need a source that the design does not use, but over = {list(over)}")
    rows = [
        {**cell, **dict.fromkeys(over, i * times + replicate)}
        for i, cell in enumerate(design.levels)
        for replicate in range(times)
    ]
    return Design("replicated", (*design.sources, *over), tuple(rows))


def check_against(design: Design, recipe: Recipe) -> None:
    """Refuse a design that varies a source which the recipe does not have: its levels would change nothing.

    Raises:
        InputError: Naming the source and the field that would activate it.
    """
    for source in design.sources:
        if source not in recipe.active_sources() and source in WHAT_ACTIVATES:
            raise InputError(
                f"the source {source!r} has no effect under this recipe: "
                f"set {WHAT_ACTIVATES[source]}, or leave the source out of the design"
            )


def _levels(given: Mapping[str, int]) -> Levels:
    return {source: given.get(source, 0) for source in SOURCES}


def _check(runs: int, sources: Sequence[str]) -> None:
    if runs < 1:
        raise InputError(f"{runs} runs were asked for: at least 1 was expected")
    for source in sources:
        if source not in SOURCES:
            raise InputError(f"unknown source {source!r}: known are {', '.join(SOURCES)}")
    if len(set(sources)) != len(sources):
        raise InputError(f"a source is named twice: {list(sources)}")
