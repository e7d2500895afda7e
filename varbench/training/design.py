"""Designs: which levels of which sources are run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from varbench.errors import InputError
from varbench.keys import SOURCES
from varbench.training.recipe import WHAT_ACTIVATES, Recipe

Levels = dict[str, int]
"""One run's level on every source."""

FEW = range(5, 16)
"""Numbers of runs that do not fill a program of the usual width, and are worth a program of another."""

MOST_RUNS = 1_000_000
"""Runs of a population at most: each has a row of levels in its manifest."""


@dataclass(frozen=True)
class Design:
    """The runs of a population, as one level per source and run.

    Attributes:
        kind: "together", "one at a time", "crossed", "replicated" or "ulp pairs".
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

    def side_by_side(self, lanes: int) -> Design:
        """The same runs with so many of them side by side in a program; 0 for the strategy's own width."""
        return replace(self, levels=tuple({**levels, "width": lanes} for levels in self.levels))

    def in_one_program(self) -> Design:
        """The same runs, all side by side where they are few: in a program of the usual width lanes would be idle."""
        return self.side_by_side(len(self) if len(self) in FEW else 0)

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
    _check(runs, sources, total=1 + len(sources) * (runs - 1))
    rows = [_levels({})]
    rows += [_levels({source: r}) for source in sources for r in range(1, runs)]
    return Design("one at a time", tuple(sources), tuple(rows))


def crossed(counts: Mapping[str, int]) -> Design:
    """Every combination of levels, e.g. `crossed({"init": 8, "order": 8})`; the last source varies fastest."""
    for source, count in counts.items():
        _check(count, [source], total=math.prod(counts.values()))
    grid = itertools.product(*(range(count) for count in counts.values()))
    return Design("crossed", tuple(counts), tuple(_levels(dict(zip(counts, cell, strict=True))) for cell in grid))


def replicated(design: Design, times: int, *, over: Sequence[str]) -> Design:
    """Each cell of a design `times` times, with the sources `over` at a level of their own in every run.

    Raises:
        InputError: If a source of `over` varies in the design already, or none is given.
    """
    _check(times, over, total=times * len(design))
    if not over or set(over) & set(design.sources):
        raise InputError(f"replicates need a source that the design does not use, but over = {list(over)}")
    rows = [
        {**cell, **dict.fromkeys(over, i * times + replicate)}
        for i, cell in enumerate(design.levels)
        for replicate in range(times)
    ]
    return Design("replicated", (*design.sources, *over), tuple(rows))


def ulp_pairs(n_bases: int, *, sources: Sequence[str], width: int) -> Design:
    """The one-ULP protocol: for every base run, itself, the same with one weight moved by one ULP, and itself again.

    Base b has level b on each of `sources`; its perturbed twin has level b + 1 on `ulp` besides. The three stand side
    by side in one block of the same compiled program, so that nothing but the one word can part them, and the untouched
    duplicate shows that nothing else does. More bases leave the first ones as they were.

    Args:
        n_bases: Base runs, at least 1.
        sources: Sources in which the bases differ from one another.
        width: Runs side by side in the program (a level of the source `width`): a multiple of 3.

    Raises:
        InputError: If a block would cut a triple, or `ulp` or `width` is to vary by itself.
    """
    _check(n_bases, sources, total=3 * n_bases)
    if {"ulp", "width"} & set(sources):
        raise InputError(f"the base runs of one-ULP pairs cannot differ in ulp or width, but sources = {list(sources)}")
    if width < 3 or width % 3:
        near = max(3, width - width % 3)
        raise InputError(
            f"width = {width} would cut a base run, its perturbed twin and its duplicate apart, and programs of other "
            f"runs cannot be compared bit for bit: give a multiple of 3, such as {near}"
        )
    rows = []
    for b in range(n_bases):
        base = {**_levels(dict.fromkeys(sources, b)), "width": width}
        rows += [base, {**base, "ulp": b + 1}, dict(base)]
    return Design("ulp pairs", (*sources, "ulp"), tuple(rows))


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


def _check(runs: int, sources: Sequence[str], *, total: int | None = None) -> None:
    """`runs` is what was asked for, `total` the runs that the design has with it where these are more."""
    if runs < 1:
        raise InputError(f"{runs} runs were asked for: at least 1 was expected")
    total = runs if total is None else total
    if total > MOST_RUNS:
        raise InputError(f"{total:,} runs were asked for: a population has {MOST_RUNS:,} at most")
    for source in sources:
        if source not in SOURCES:
            raise InputError(f"unknown source {source!r}: known are {', '.join(SOURCES)}")
    if len(set(sources)) != len(sources):
        raise InputError(f"a source is named twice: {list(sources)}")
